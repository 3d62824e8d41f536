"""Loading, sampling and decoding without a host: on one device, everything in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from ....anisora_core.domain.conditions import Guide, LatentLock, TextFeatures
from ....anisora_core.domain.latents import NormalizedLatent, RawLatent
from ....anisora_core.domain.release import Release
from ....anisora_core.generation.loading import Files, load_release
from ....anisora_core.generation.pipeline import decode_frames
from ....anisora_core.generation.plan import SamplingPlan
from ....anisora_core.generation.sampling import effects_of
from ....anisora_core.generation.sampling import sample as sample_latents
from ....anisora_core.lora.apply import LoraUse
from ....anisora_core.runtime.placement import Placement
from ....anisora_core.runtime.precision import fast_dtype
from ..host_masks import from_concat_mask, from_noise_mask
from ..protocol import Conditioning, HostLatent, Loaded, Model, Vae
from ..vision_handle import VisionHandle
from . import Progress, device
from .handles import ClipHandle, ModelHandle, VaeHandle


def load(release: Release, files: Files, dtype: torch.dtype | None, placement: Placement) -> Loaded:
    """`dtype` None: the device's fast one."""
    parts = load_release(release, files, dtype or fast_dtype(device()), device(), placement=placement)
    vision = VisionHandle(parts.image_encoder) if parts.image_encoder else None
    model = Model(ModelHandle(parts.transformer, parts.vae))
    low_noise = None if release.boundary is None else model
    return Loaded(model, ClipHandle(parts.text_encoder), VaeHandle(parts.vae), vision, low_noise)


def with_lora(model: Model, use: LoraUse) -> tuple[Model, str]:
    """On both experts, as one handle has them; and what of it acts."""
    handle = cast(ModelHandle, model)
    report = "\n".join(effects_of(handle.transformer, [use]))
    return Model(replace(handle, loras=(*handle.loras, use))), report


def sample(
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    latent: HostLatent,
    plan: SamplingPlan,
    seed: int,
) -> RawLatent:
    handle = cast(ModelHandle, model)
    guide = guide_of(positive, latent, handle)
    features = TextFeatures(text_of(positive), text_of(negative), image_of(positive))
    x = guide.latent_BCTHW
    with Progress(plan.steps) as progress:
        for step in sample_latents(handle.transformer, guide, features, plan, seed, handle.loras):
            progress.update(step.index + 1)
            x = step.x
    raw = handle.vae.denormalize(NormalizedLatent(x))
    return RawLatent(raw.cpu())


def zero_latent(model: Model, like_BCTHW: RawLatent) -> RawLatent:
    nothing = torch.zeros_like(like_BCTHW[:1, :, :1, :1, :1])
    return cast(ModelHandle, model).vae.denormalize(NormalizedLatent(nothing))


def text_of(conditioning: Conditioning) -> Tensor:
    if len(conditioning) != 1:
        raise ValueError(
            f"conditioning: {len(conditioning)} prompts came in; AniSora Sampler takes one positive and one negative; write them as one text"
        )
    return conditioning[0][0]


def image_of(conditioning: Conditioning) -> Tensor | None:
    """The first drawing's image tokens, as the host's CLIP Vision Encode leaves them."""
    found = conditioning[0][1].get("clip_vision_output")
    return None if found is None else found.penultimate_hidden_states


def guide_of(conditioning: Conditioning, latent: HostLatent, model: ModelHandle) -> Guide[NormalizedLatent]:
    """Read the guide back from the host's conditioning keys (raw latents) and a masked latent."""
    values = conditioning[0][1]
    assert "concat_latent_image" in values  # AniSora Sampler has checked it
    normalize, place = model.vae.normalize, device()
    guide = normalize(RawLatent(values["concat_latent_image"].to(place)))
    lock = None
    if "noise_mask" in latent:
        held = RawLatent(latent["samples"].to(place))
        if held.shape != guide.shape:
            raise ValueError(
                "latent: its size is not the guide's; connect the latent of the same AniSora Guide"
            )
        lock = LatentLock(normalize(held), from_noise_mask(latent["noise_mask"].to(place), held.shape[2:]))
    mask = from_concat_mask(values["concat_mask"]).to(place) if "concat_mask" in values else guide[:, :0]
    return Guide(guide, mask, lock)


def decode(vae: Vae, latent_BCTHW: RawLatent, latents_per_chunk: int) -> Iterator[Tensor]:
    """Runs of frames_FHWC 0..1."""
    network = cast(VaeHandle, vae).vae
    for clip in latent_BCTHW.split(1):
        runs = decode_frames(network, network.normalize(RawLatent(clip)), latents_per_chunk=latents_per_chunk)
        yield from runs
