"""From a release's settings and the artist's wishes to steps: what is predicted, at which noise levels, how it is guided."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import Tensor

from ..diffusion.experts import with_experts
from ..diffusion.guidance import Scale, authors_dynamic, early, left_open, rising, with_cfg, with_hold
from ..diffusion.optimal_steps import listed_sigmas
from ..diffusion.prediction import Flow, Velocity, VelocityModel
from ..diffusion.samplers import GRID_START, SAMPLERS, euler, sde_dpmpp_2m
from ..diffusion.schedules import cogvideox_sigmas, flow_sigmas
from ..domain.conditions import Guide
from ..domain.noise import seeded_draws
from ..domain.protocols import Denoiser, Step
from ..families.cogvideox.transformer import CogVideoXTransformer, JointAttention
from ..families.wan.transformer import WanTransformer
from ..lora.changes import Change, Changes, fits, live, merge_for_good
from ..lora.read import Lora
from ..releases import GUIDANCE, Guidance, Release
from ..runtime.faster_cache import FasterCache
from .components import Experts, Transformer

#: What an artist may pick; `optimal` is Euler over a release's list of steps.
SAMPLER_NAMES = (*SAMPLERS, "sde_dpmpp_2m", "optimal")
_BLOCKS = re.compile(r"(?P<first>\d{1,3})(?:-(?P<last>\d{1,3}))?=(?P<factor>-?\d*\.?\d+)")


@dataclass(frozen=True)
class Settings:
    """Of one run; `settings_of` fills in the release's own."""

    release: Release
    steps: int
    sampler: str
    shift: float
    cfg_scale: float
    guidance: Guidance
    faster_cache: bool = False

    @cached_property
    def sigmas(self) -> tuple[float, ...]:
        """ValueError for a number of steps outside its range, or without a list for the sampler `optimal`."""
        if self.sampler == "optimal":
            lists = self.release.step_lists
            if self.steps not in lists:
                known = " or ".join(map(str, lists)) or "another sampler: this release has no list"
                raise ValueError(f"sampler optimal has no list of {self.steps} steps; use {known}")
            return listed_sigmas(lists[self.steps], self.shift)
        if self.release.family == "cogvideox":
            return cogvideox_sigmas(self.steps)
        return flow_sigmas(self.steps, self.shift, start=GRID_START.get(self.sampler, 1.0))

    @cached_property
    def prediction(self) -> Flow | Velocity:
        if self.release.family == "cogvideox":
            return Velocity(self.steps)
        return Flow(truncate_timestep=self.release.truncate_timestep)

    @property
    def scale(self) -> float | Scale:
        gain, predicted = self.cfg_scale - 1.0, self.prediction
        if self.guidance == "rising":
            return rising(gain, self.sigmas)
        if self.guidance == "early":
            return early(self.cfg_scale)
        if self.guidance == "authors":
            return authors_dynamic(gain, lambda sigma: int(predicted.timestep(sigma)), steps=self.steps)
        return self.cfg_scale

    def where(self, mask_BMTHW: Tensor) -> Tensor | None:
        """Where guidance acts, [B, 1, T, H, W]; None: everywhere."""
        return left_open(mask_BMTHW) if self.guidance == "open" and mask_BMTHW.shape[1] else None


def settings_of(
    release: Release,
    *,
    steps: int | None = None,
    sampler: str | None = None,
    shift: float | None = None,
    cfg_scale: float | None = None,
    guidance: Guidance | None = None,
    faster_cache: bool = False,
) -> Settings:
    """None means the release's own. ValueError for a name that is none, naming those that are."""
    chosen = sampler or release.sampler
    if chosen not in SAMPLER_NAMES:
        raise ValueError(f"sampler {chosen!r} is unknown; use one of {', '.join(SAMPLER_NAMES)}")
    curve = guidance or release.guidance
    if curve not in GUIDANCE:
        raise ValueError(f"guidance {curve!r} is unknown; use one of {', '.join(GUIDANCE)}")
    for name, value in (("shift", shift), ("cfg", cfg_scale)):
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name} {value} must be a number")
    return Settings(
        release,
        release.steps if steps is None else steps,
        chosen,
        release.shift if shift is None else shift,
        release.cfg_scale if cfg_scale is None else cfg_scale,
        curve,
        faster_cache,
    )


@dataclass(frozen=True)
class Words:
    """What the transformer reads: text_BLD with and without the prompt, and the first drawing's image tokens."""

    text_BLD: Tensor
    no_text_BLD: Tensor
    image_BLD: Tensor | None = None

    def to(self, device: torch.device) -> Words:
        image = None if self.image_BLD is None else self.image_BLD.to(device)
        return Words(self.text_BLD.to(device), self.no_text_BLD.to(device), image)


def block_strengths(text: str) -> dict[int, float]:
    """`0-9=0.5,20=0` -> {block: factor}; of two for one block the later counts. ValueError for what is written otherwise."""
    factors: dict[int, float] = {}
    for part in text.split(",") if text.strip() else []:
        match = _BLOCKS.fullmatch(part.strip())
        if match is None or (match["last"] and int(match["last"]) < int(match["first"])):
            raise ValueError(f"blocks {text!r}: write them as 0-9=0.5,20=0")
        numbers = range(int(match["first"]), int(match["last"] or match["first"]) + 1)
        factors |= dict.fromkeys(numbers, float(match["factor"]))
    return factors


@dataclass(frozen=True)
class LoraUse:
    """A LoRA at a strength; `low_noise` is that for the second of two experts, None for the same.

    `blocks`: transformer block -> what its strength is multiplied by; 1 for the others and for what is in no block.
    """

    lora: Lora
    strength: float = 1.0
    low_noise: float | None = None
    blocks: Mapping[int, float] = field(default_factory=dict[int, float])

    def changes(self, expert: str) -> tuple[dict[str, Change], float]:
        """What it does to the network (`expert` empty) or to the high or low noise one, and how strongly."""
        strength = self.low_noise if expert == "low" and self.low_noise is not None else self.strength
        return self.lora.changes | self.lora.by_expert.get(expert or "high", {}), strength


def changes_to(network: Transformer, loras: Sequence[LoraUse], expert: str = "") -> Changes:
    """`changes_among` the parameters of a network."""
    family = "Wan" if isinstance(network, WanTransformer) else "CogVideoX"
    shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
    return changes_among(shapes, family, loras, expert)


def changes_among(
    shapes: Mapping[str, torch.Size], family: str, loras: Sequence[LoraUse], expert: str = ""
) -> Changes:
    """Parameters by our names and their shapes -> changes. ValueError for a LoRA for another network or one of another
    size, or a block that is not there.

    What a network of the family may lack, as the image branch, is left out.
    """
    blocks = {block_of(name) for name in shapes} - {-1}
    found: dict[str, list[tuple[Change, float]]] = {}
    for use in loras:
        if use.lora.family != family:
            raise ValueError(
                f"lora {use.lora.source.name} is for {use.lora.family}; this release is of {family}"
            )
        unknown = sorted(use.blocks.keys() - blocks)
        if unknown:
            raise ValueError(
                f"blocks: there is no block {unknown[0]}; this network has {min(blocks)} to {max(blocks)}"
            )
        changes, strength = use.changes(expert)
        met = changes.keys() & shapes.keys()
        if not (met or expert):
            raise ValueError(
                f"lora {use.lora.source.name}: none of the weights it changes is in this release's network; pick a LoRA made for it"
            )
        for name in sorted(met):
            if not fits(changes[name], shapes[name]):
                raise ValueError(
                    f"lora {use.lora.source.name}: the change of {name} is not of the shape {tuple(shapes[name])}; "
                    "pick a LoRA made for a model of this size"
                )
            factor = use.blocks.get(block_of(name), 1.0)
            found.setdefault(name, []).append((changes[name], strength * factor))
    return found


def block_of(name: str) -> int:
    """Number of the block that a parameter is in, -1 outside of blocks."""
    first, number, *_ = (*name.split("."), "")
    return int(number) if first == "blocks" else -1


def sample(
    transformer: Transformer | Experts,
    guide: Guide,
    words: Words,
    settings: Settings,
    seed: int,
    loras: Sequence[LoraUse] = (),
) -> Iterator[Step]:
    """From seeded noise to the clip's latent. ValueError when the model returns what is no number.

    LoRAs act while this runs and leave no trace.
    """
    device = guide.latent_BCTHW.device
    words = words.to(device)
    draw = seeded_draws(guide.latent_BCTHW.shape, seed)
    noise = draw().to(device)
    cache = FasterCache() if settings.faster_cache else None
    denoise = denoiser(transformer, guide, words, settings, cache, loras)
    if guide.hold is not None:
        denoise = with_hold(denoise, guide.hold, noise)
    one = None if isinstance(transformer, Experts) else transformer
    styled = live(one, changes_to(one, loras)) if one is not None and loras else nullcontext()
    with torch.inference_mode(), cached(transformer, cache), styled:
        for step in stepper(settings.sampler, lambda: draw().to(device))(denoise, noise, settings.sigmas):
            if not torch.isfinite(step.denoised).all():
                raise ValueError(
                    f"latents are not finite at step {step.index + 1} of {step.total}; "
                    "load the model in bf16 or float32, or lower cfg"
                )
            yield step


def stepper(name: str, draw: Callable[[], Tensor]) -> Callable[..., Iterator[Step]]:
    if name == "sde_dpmpp_2m":
        return partial(sde_dpmpp_2m, draw=draw)
    return euler if name == "optimal" else SAMPLERS[name]


def cached(transformer: Transformer | Experts, cache: FasterCache | None) -> AbstractContextManager[None]:
    """ValueError for a network that FasterCache was not made for."""
    if cache is None:
        return nullcontext()
    if not isinstance(transformer, CogVideoXTransformer):
        raise ValueError("faster_cache is for AniSora V1; turn it off for this release")
    return cache.cached_attention(
        [layer for layer in transformer.modules() if isinstance(layer, JointAttention)]
    )


def denoiser(
    transformer: Transformer | Experts,
    guide: Guide,
    words: Words,
    settings: Settings,
    cache: FasterCache | None = None,
    loras: Sequence[LoraUse] = (),
) -> Denoiser:
    """With classifier-free guidance; of two experts the one of each noise level, with its LoRAs merged when it comes."""

    def guided(network: Transformer) -> Denoiser:
        cond, uncond = (
            guided_model(network, guide, text, words.image_BLD)
            for text in (words.text_BLD, words.no_text_BLD)
        )
        if cache is not None:
            cond, uncond = cache.wrap(cond, uncond)
        predict = settings.prediction.denoiser
        return with_cfg(predict(cond), predict(uncond), settings.scale, settings.where(guide.mask_BMTHW))

    if not isinstance(transformer, Experts):
        return guided(transformer)
    boundary = settings.release.boundary
    if boundary is None:
        raise ValueError(f"release {settings.release.name} has one network, but two experts were loaded")

    def expert(bring: Callable[[], Transformer], name: str) -> Denoiser:
        network = bring()  # ours alone until it is dropped, so that merging is safe
        merge_for_good(network, changes_to(network, loras, name))
        return guided(network)

    return with_experts(
        lambda: expert(transformer.high, "high"),
        lambda: expert(transformer.low, "low"),
        boundary,
        settings.prediction.timestep,
    )


def guided_model(
    transformer: Transformer, guide: Guide, text_BLD: Tensor, image_BLD: Tensor | None = None
) -> VelocityModel:
    """Concatenate noise, packed mask and guide, in that order (AniSora paper, section 4.1; Wan2.1 I2V).

    ValueError for features of an encoder of another size.
    """
    require_width("text", text_BLD, transformer.config.text_dim)
    if image_BLD is not None and isinstance(transformer, WanTransformer):
        require_width("image", image_BLD, transformer.config.image_dim)
    condition = torch.cat([guide.mask_BMTHW.to(guide.latent_BCTHW), guide.latent_BCTHW], dim=1)
    more = {} if image_BLD is None else {"image_BLD": image_BLD}

    def velocity(x_BCTHW: Tensor, timestep_B: Tensor) -> Tensor:
        x = torch.cat([x_BCTHW, condition.to(x_BCTHW)], dim=1)
        return transformer(x.to(transformer.dtype), timestep_B, text_BLD, **more)

    return velocity


def require_width(name: str, features_BLD: Tensor, width: int) -> None:
    if features_BLD.shape[-1] != width:
        raise ValueError(
            f"{name} features are {features_BLD.shape[-1]} wide, but this transformer reads {width}; "
            f"load the {name} encoder of its release"
        )
