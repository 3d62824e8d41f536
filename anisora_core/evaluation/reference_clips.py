"""True clips, and what a model makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from ..domain.conditions import Keyframe, Timeline
from ..domain.release import Release
from ..families import VideoVAE
from ..generation.components import Components
from ..generation.pipeline import Frames, Request, make_clip
from ..media.tensors import to_bytes, to_floats, to_frames, to_video


class ReferenceClip(Protocol):
    """A true clip: a rendered cartoon, or a shot of real animation. Frames are uint8."""

    @property
    def frames_FHWC(self) -> np.ndarray: ...
    @property
    def caption(self) -> str: ...
    @property
    def motion_score(self) -> float: ...
    @property
    def seed(self) -> int: ...


class MovingClip(ReferenceClip, Protocol):
    """Its motion is known. `moving_FHW`: bool, pixels that may differ between frame f and f + 1; the last one repeats."""

    @property
    def moving_FHW(self) -> np.ndarray: ...


def request_like(release: Release, clip: ReferenceClip, keyframes: Sequence[int]) -> Request:
    """Asks for the clip itself: its length, size, caption and seed, with its own frames of these numbers as keyframes."""
    images = to_floats(clip.frames_FHWC)
    num_frames, height, width = clip.frames_FHWC.shape[:3]
    drawings = tuple(Keyframe(images[frame], str(frame)) for frame in keyframes)
    return Request(
        timeline=Timeline(num_frames, release.fps, height, width, drawings),
        prompt=clip.caption,
        motion_score=clip.motion_score,
        seed=clip.seed,
    )


def generate(components: Components, release: Release, request: Request) -> np.ndarray:
    """uint8 frames_FHWC."""
    events = make_clip(components, release, request)
    return to_bytes(torch.cat([event.frames_FHWC for event in events if isinstance(event, Frames)]))


def reconstruct(vae: VideoVAE, frames_FHWC: np.ndarray) -> np.ndarray:
    """uint8 frames through the VAE and back: no generation can be closer to them."""
    video = to_video(frames_FHWC)[None].to(next(vae.parameters()))
    with torch.inference_mode():
        raw = vae.encode(video).mode()
        runs = vae.decode_chunks(raw, latents_per_chunk=vae.run_length(raw.shape[2], 4))
        return to_bytes(torch.cat([to_frames(run[0]) for run in runs]))
