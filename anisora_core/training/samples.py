"""What a model in training makes of held-out cartoons, as a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..checkpoints.load import Components
from ..data.cartoons import CartoonClip, make_shot, render
from ..data.clips import contact_sheet, to_bytes
from ..domain.conditions import Keyframe, Timeline
from ..generate import Frames, Request, make_clip
from ..models.wan.vae import WanVAE
from ..releases import Release

_SEED = 900_000


def held_out_clips(count: int = 3) -> list[CartoonClip]:
    return [render(make_shot(_SEED + index, split="heldout")) for index in range(count)]


def reconstruction_sheet(vae: WanVAE, path: Path) -> None:
    """Each clip's true row above the row the VAE makes of it."""
    rows: list[np.ndarray] = []
    for clip in held_out_clips():
        video = torch.from_numpy(clip.frames_FHWC).permute(3, 0, 1, 2)[None].float() / 127.5 - 1.0
        with torch.inference_mode():
            decoded = vae.decode(vae.encode(video.to(next(vae.parameters()))).mode())
        rows += [clip.frames_FHWC, to_bytes(decoded[0].movedim(0, -1).float() / 2 + 0.5)]
    contact_sheet(rows, path)


def sample_sheet(components: Components, release: Release, path: Path) -> None:
    """Each clip's true row, then what the model makes of its first frame, then of its first and last."""
    rows: list[np.ndarray] = []
    for clip in held_out_clips():
        rows.append(clip.frames_FHWC)
        images = torch.from_numpy(clip.frames_FHWC).float() / 255.0
        frames, height, width, _ = images.shape
        for keys in ((0,), (0, frames - 1)):
            keyframes = tuple(Keyframe(images[key], str(key)) for key in keys)
            timeline = Timeline(frames, release.fps, height, width, keyframes)
            events = make_clip(
                components, release, Request(timeline, clip.caption, motion_score=clip.motion_score)
            )
            rows.append(to_bytes(torch.cat([e.frames_FHWC for e in events if isinstance(e, Frames)])))
    contact_sheet(rows, path)
