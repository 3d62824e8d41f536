"""Loading, sampling and decoding without a host: on one device, everything in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ....anisora_core.domain.conditions import Guide, LatentLock, TextFeatures
from ....anisora_core.domain.latents import NormalizedLatent, RawLatent
from ....anisora_core.domain.release import Release
from ....anisora_core.generation.loading import Files, load_release
from ....anisora_core.generation.pipeline import decode_frames
from ....anisora_core.generation.plan import SamplingPlan
from ....anisora_core.generation.sampling import sample as sample_latents
from ....anisora_core.lora.apply import LoraUse
from ....anisora_core.runtime.precision import fast_dtype
from .. import masks
from ..loaded import Loaded
from . import Progress, device
from .handles import ClipHandle, HostSampler, ModelHandle, VaeHandle, VisionHandle

__all__ = ["HostSampler", "decode", "load", "sample", "with_lora"]


def load(release: Release, files: Files, dtype: torch.dtype | None) -> Loaded:
    """`dtype` None: the device's fast one."""
    parts = load_release(release, files, dtype or fast_dtype(device()), device())
    vision = VisionHandle(parts.image_encoder) if parts.image_encoder else None
    model = ModelHandle(parts.transformer, parts.vae)
    low_noise = None if release.boundary is None else model
    return Loaded(model, ClipHandle(parts.text_encoder), VaeHandle(parts.vae), vision, low_noise)


def with_lora(model: ModelHandle, use: LoraUse, expert: str) -> ModelHandle:
    """`expert` says nothing here: one handle brings both."""
    return replace(model, loras=(*model.loras, use))


def sample(
    model: ModelHandle,
    low_noise_model: ModelHandle | None,
    positive: list[list[Any]],
    negative: list[list[Any]],
    latent: dict[str, Any],
    plan: SamplingPlan,
    seed: int,
) -> Tensor:
    """Raw latents. `low_noise_model` is in `model`, which brings each expert when its noise level comes."""
    guide = guide_of(positive, latent, model)
    features = TextFeatures(text_of(positive), text_of(negative), image_of(positive))
    x = guide.latent_BCTHW
    with Progress(plan.steps) as progress:
        for step in sample_latents(model.transformer, guide, features, plan, seed, model.loras):
            progress.update(step.index + 1)
            x = step.x
    return model.vae.denormalize(NormalizedLatent(x)).cpu()


def text_of(conditioning: list[list[Any]]) -> Tensor:
    if len(conditioning) != 1:
        raise ValueError(
            f"conditioning: {len(conditioning)} prompts came in; AniSora Sampler takes one positive and one negative; write them as one text"
        )
    return conditioning[0][0]


def image_of(conditioning: list[list[Any]]) -> Tensor | None:
    """The first drawing's image tokens, as the host's CLIP Vision Encode leaves them."""
    found = conditioning[0][1].get("clip_vision_output")
    return None if found is None else found.penultimate_hidden_states


def guide_of(
    conditioning: list[list[Any]], latent: dict[str, Any], model: ModelHandle
) -> Guide[NormalizedLatent]:
    """Read the guide back from the host's conditioning keys (raw latents) and a masked latent."""
    values = conditioning[0][1]
    normalize, place = model.vae.normalize, device()
    guide = normalize(values["concat_latent_image"].to(place))
    lock = None
    if "noise_mask" in latent:
        held = latent["samples"].to(place)
        if held.shape != guide.shape:
            raise ValueError(
                "latent: its size is not the guide's; connect the latent of the same AniSora Guide"
            )
        lock = LatentLock(
            normalize(held), masks.from_noise_mask(latent["noise_mask"].to(place), held.shape[2:])
        )
    mask = (
        masks.from_concat_mask(values["concat_mask"]).to(place) if "concat_mask" in values else guide[:, :0]
    )
    return Guide(guide, mask, lock)


def decode(vae: VaeHandle, latent_BCTHW: Tensor, latents_per_chunk: int) -> Iterator[Tensor]:
    """Runs of frames_FHWC 0..1."""
    for clip in latent_BCTHW.split(1):
        yield from decode_frames(
            vae.vae, vae.vae.normalize(RawLatent(clip)), latents_per_chunk=latents_per_chunk
        )
