"""From seeded noise to a clip's latents: a plan carried out on networks in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from ..diffusion.experts import with_experts
from ..diffusion.guidance import with_cfg, with_latent_lock
from ..diffusion.prediction import denoiser
from ..diffusion.samplers import SAMPLERS
from ..domain.conditions import Guide, TextFeatures
from ..domain.latents import NormalizedLatent
from ..domain.noise import seeded_draws
from ..domain.protocols import Denoiser, Step, VelocityModel
from ..families import VideoTransformer, family_of_network
from ..lora.apply import LoraUse, changes_to, effect_on, live, merge_for_good, shapes_of
from ..runtime.faster_cache import FasterCache
from .components import Experts
from .plan import SamplingPlan, require_finite


def sample(
    transformer: VideoTransformer | Experts,
    guide: Guide[NormalizedLatent],
    features: TextFeatures,
    plan: SamplingPlan,
    seed: int,
    loras: Sequence[LoraUse] = (),
) -> Iterator[Step]:
    """Steps from noise to the clip's latent. ValueError when the model returns NaN or infinity.

    LoRAs act while this runs and leave no trace.
    """
    device = guide.latent_BCTHW.device
    draw = seeded_draws(guide.latent_BCTHW.shape, seed)
    noise = draw().to(device)
    cache = FasterCache() if plan.faster_cache else None
    denoise = planned_denoiser(transformer, guide, features.to(device), plan, cache, loras)
    if guide.lock is not None:
        denoise = with_latent_lock(denoise, guide.lock, noise)
    one = None if isinstance(transformer, Experts) else transformer
    styled = live(one, changes_to(one, loras)) if one is not None and loras else nullcontext()
    with torch.inference_mode(), cached_attention(one, cache), styled:
        for step in SAMPLERS[plan.sampler](denoise, noise, plan.sigmas, lambda: draw().to(device)):
            require_finite(step)
            yield step


def cached_attention(
    transformer: VideoTransformer | None, cache: FasterCache | None
) -> AbstractContextManager[None]:
    """ValueError for a network that FasterCache was not made for; None is a release of two."""
    if cache is None:
        return nullcontext()
    layers = family_of_network(transformer).cacheable_attention(transformer) if transformer else ()
    if not layers:
        raise ValueError("faster_cache is for AniSora V1; turn it off for this release")
    return cache.cached_attention(layers)


def planned_denoiser(
    transformer: VideoTransformer | Experts,
    guide: Guide[NormalizedLatent],
    features: TextFeatures,
    plan: SamplingPlan,
    cache: FasterCache | None = None,
    loras: Sequence[LoraUse] = (),
) -> Denoiser:
    """With classifier-free guidance; of two experts the one of each noise level, its LoRAs merged when it is loaded."""
    rule = plan.guidance_rule(guide.mask_BMTHW)

    def guided(network: VideoTransformer) -> Denoiser:
        cond, uncond = (
            conditioned(network, guide, text, features.image_BLD)
            for text in (features.text_BLD, features.no_text_BLD)
        )
        if cache is not None:
            cond, uncond = cache.wrap(cond, uncond)
        return with_cfg(denoiser(plan.prediction, cond), denoiser(plan.prediction, uncond), rule)

    if not isinstance(transformer, Experts):
        return guided(transformer)
    if plan.release.boundary is None:
        raise ValueError(f"release {plan.release.name} has one network, but two experts were loaded")
    load = {"high": transformer.high, "low": transformer.low}

    def expert(name: str) -> Denoiser:
        network = load[name]()  # nobody else holds it until it is dropped, so that merging is safe
        merge_for_good(network, changes_to(network, loras, name))
        return guided(network)

    return with_experts(expert, plan.expert)


def conditioned(
    transformer: VideoTransformer,
    guide: Guide[NormalizedLatent],
    text_BLD: Tensor,
    image_BLD: Tensor | None = None,
) -> VelocityModel:
    """The network with noise, packed mask and guide concatenated, in that order (AniSora paper, section 4.1; Wan2.1 I2V).

    ValueError for features of an encoder of another size.
    """
    require_width("text", text_BLD, transformer.config.text_dim)
    if image_BLD is not None and transformer.image_dim:
        require_width("image", image_BLD, transformer.image_dim)
    condition = torch.cat([guide.mask_BMTHW.to(guide.latent_BCTHW), guide.latent_BCTHW], dim=1)
    more = {} if image_BLD is None else {"image_BLD": image_BLD}

    def predict(x_BCTHW: Tensor, timestep_B: Tensor) -> Tensor:
        x = torch.cat([x_BCTHW, condition.to(x_BCTHW)], dim=1)
        return transformer(x.to(transformer.dtype), timestep_B, text_BLD, **more)

    return predict


def effects_of(transformer: VideoTransformer | Experts, loras: Sequence[LoraUse]) -> tuple[str, ...]:
    """What of each LoRA acts, a sentence for each network. ValueError for one that does not fit."""
    if not isinstance(transformer, Experts):
        return tuple(_effect_on(transformer, use) for use in loras)
    if transformer.bare is None:
        return tuple(str(use.lora) for use in loras)
    networks = {name: transformer.bare(name) for name in ("high", "low")} if loras else {}
    return tuple(
        f"{name} noise: {_effect_on(network, use, name)}"
        for use in loras
        for name, network in networks.items()
    )


def _effect_on(network: VideoTransformer, use: LoraUse, expert: str = "") -> str:
    return str(effect_on(shapes_of(network), family_of_network(network), use, expert))


def require_width(name: str, features_BLD: Tensor, width: int) -> None:
    if features_BLD.shape[-1] != width:
        raise ValueError(
            f"{name} features are {features_BLD.shape[-1]} wide, but this transformer reads {width}; "
            f"load the {name} encoder of its release"
        )
