"""Clips with fixed seeds on the way, the base model's beside them, and whether they still move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...conditioning.guide import Encoder, encode_guide
from ...conditioning.prompt import compose_prompt
from ...conditioning.timeline import place
from ...domain.conditions import Guide, Keyframe, TextFeatures, Timeline
from ...domain.release import Release
from ...evaluation.metrics.motion_amount import motion_amount
from ...families import VideoTransformer, VideoVAE
from ...generation.components import Experts
from ...generation.pipeline import decode_frames
from ...generation.plan import SamplingPlan
from ...generation.sampling import sample
from ...lora.apply import LoraUse
from ...media.contact_sheet import contact_sheet
from ...media.tensors import to_bytes
from ...media.video import write_webp
from .recipe import Recipe

#: Outside, samples have lost motion, or shake.
MOTION_KEPT = (0.8, 1.25)


@dataclass(frozen=True)
class Shot:
    """A sample to make: what it is told, and the drawing it starts from, if any."""

    prompt: str
    guide: Guide
    image_BLD: torch.Tensor | None
    seed: int


@dataclass(frozen=True)
class Wish:
    """A shot as the artist says it. `picture_HWC`: 0..1, the first frame; None: words alone."""

    words: str
    picture_HWC: torch.Tensor | None
    size: tuple[int, int]


def shots_of(wishes: Sequence[Wish], recipe: Recipe, encode: Encoder, see: Encoder | None) -> list[Shot]:
    release, shots = recipe.model, list[Shot]()
    for number, wish in enumerate(wishes):
        keyframes = () if wish.picture_HWC is None else (Keyframe(wish.picture_HWC),)
        timeline = Timeline(recipe.num_frames, recipe.rate, *wish.size, keyframes)
        guide = encode_guide(place(timeline, release.key_multiple), release.guide_rules, encode)
        image = see(wish.picture_HWC[None]) if see and wish.picture_HWC is not None else None
        prompt = compose_prompt(wish.words, release.prompt_tail, release.motion_score)
        shots.append(Shot(prompt, guide, image, recipe.seed + number))
    return shots


def make_samples(
    transformer: VideoTransformer | Experts,
    vae: VideoVAE,
    release: Release,
    settings: SamplingPlan,
    shots: Sequence[Shot],
    text_of: Callable[[str], torch.Tensor],
    should_stop: Callable[[], bool],
    loras: Sequence[LoraUse] = (),
) -> list[np.ndarray]:
    """uint8 FHWC clips. [] when `should_stop` says so."""
    device = next(vae.parameters()).device
    clips: list[np.ndarray] = []
    for shot in shots:
        text, negative = text_of(shot.prompt)[None], text_of(release.negative_prompt)[None]
        no_text = torch.zeros_like(text) if release.zero_negative else negative
        guide = Guide(shot.guide.latent_BCTHW.to(device), shot.guide.mask_BMTHW.to(device))
        latent = guide.latent_BCTHW
        for step in sample(
            transformer, guide, TextFeatures(text, no_text, shot.image_BLD), settings, shot.seed, loras
        ):
            latent = step.x
            if should_stop():
                return []
        clips.append(to_bytes(torch.cat(list(decode_frames(vae, latent)))))
    return clips


def write_samples(
    base: Sequence[np.ndarray], styled: Sequence[np.ndarray], folder: Path, step: int, fps: float
) -> tuple[Path, tuple[Path, ...]]:
    """(sheet, clips): a clip each, and a sheet with the base model's row above the LoRA's."""
    clips = tuple(folder / f"step_{step:06d}_{number}.webp" for number in range(len(styled)))
    for clip, path in zip(styled, clips, strict=True):
        write_webp(clip, path, fps)
    sheet = folder / f"step_{step:06d}.jpg"
    contact_sheet([row for pair in zip(base, styled, strict=True) for row in pair], sheet)
    return sheet, clips


def motion_ratio(base: Sequence[np.ndarray], styled: Sequence[np.ndarray]) -> float:
    """Motion of the LoRA's clips over that of the base model's."""
    return sum(map(motion_amount, styled)) / max(1e-6, sum(map(motion_amount, base)))
