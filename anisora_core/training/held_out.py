"""What a model in training makes of held-out cartoons, as a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ..data.cartoons import CartoonClip, make_shot, render
from ..domain.conditions import Keyframe, Timeline
from ..domain.release import Release
from ..families.wan.vae import WanVAE
from ..generation.components import Components
from ..generation.pipeline import Frames, Request, make_clip
from ..media.contact_sheet import contact_sheet
from ..media.tensors import to_bytes, to_floats, to_frames, to_video

_SEED = 900_000


class Clip(Protocol):
    """A true clip; cartoons are, and what the benchmarks cut from animation."""

    @property
    def frames_FHWC(self) -> np.ndarray: ...
    @property
    def caption(self) -> str: ...
    @property
    def motion_score(self) -> float: ...
    @property
    def seed(self) -> int: ...


def held_out_clips(count: int = 3) -> list[CartoonClip]:
    return [render(make_shot(_SEED + index, split="heldout")) for index in range(count)]


def rebuilt(vae: WanVAE, frames_FHWC: np.ndarray) -> np.ndarray:
    """uint8 frames through the VAE: what no generation can beat."""
    video = to_video(frames_FHWC)[None].to(next(vae.parameters()))
    with torch.inference_mode():
        decoded = vae.decode(vae.encode(video).mode(), latents_per_chunk=4)
    return to_bytes(to_frames(decoded[0]))


def made_from(
    components: Components, release: Release, clip: Clip, keys: Sequence[int], **changes: Any
) -> np.ndarray:
    """uint8 frames made from the clip's own frames at `keys` and its words; `changes` are fields of `Request`."""
    images = to_floats(clip.frames_FHWC)
    frames, height, width = clip.frames_FHWC.shape[:3]
    keyframes = tuple(Keyframe(images[key], str(key)) for key in keys)
    request = Request(
        timeline=Timeline(frames, release.fps, height, width, keyframes),
        prompt=clip.caption,
        motion_score=clip.motion_score,
        seed=clip.seed,
    )
    events = make_clip(components, release, replace(request, **changes))
    return to_bytes(torch.cat([event.frames_FHWC for event in events if isinstance(event, Frames)]))


def reconstruction_sheet(vae: WanVAE, path: Path) -> None:
    """Each clip's true row above the row the VAE makes of it."""
    rows = [row for clip in held_out_clips() for row in (clip.frames_FHWC, rebuilt(vae, clip.frames_FHWC))]
    contact_sheet(rows, path)


def sample_sheet(components: Components, release: Release, path: Path) -> None:
    """Each clip's true row, then what the model makes of its first frame, then of its first and last."""
    rows: list[np.ndarray] = []
    for clip in held_out_clips():
        ends = (0, len(clip.frames_FHWC) - 1)
        rows += [clip.frames_FHWC, *(made_from(components, release, clip, keys) for keys in (ends[:1], ends))]
    contact_sheet(rows, path)
