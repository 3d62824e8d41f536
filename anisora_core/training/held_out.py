"""What a model in training makes of held-out cartoons, as a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..data.cartoons import CartoonClip, make_shot, render
from ..domain.release import Release
from ..evaluation.reference_clips import generate, reconstruct, request_like
from ..families.wan.vae import WanVAE
from ..generation.components import Components
from ..media.contact_sheet import contact_sheet

_SEED = 900_000


def held_out_clips(count: int = 3) -> list[CartoonClip]:
    return [render(make_shot(_SEED + index, split="heldout")) for index in range(count)]


def reconstruction_sheet(vae: WanVAE, path: Path) -> None:
    """Each clip's true row above the row the VAE makes of it."""
    rows = [
        row for clip in held_out_clips() for row in (clip.frames_FHWC, reconstruct(vae, clip.frames_FHWC))
    ]
    contact_sheet(rows, path)


def sample_sheet(components: Components, release: Release, path: Path) -> None:
    """Each clip's true row, then what the model makes of its first frame, then of its first and last."""
    rows: list[np.ndarray] = []
    for clip in held_out_clips():
        ends = (0, len(clip.frames_FHWC) - 1)
        requests = [request_like(release, clip, keyframes) for keyframes in (ends[:1], ends)]
        rows += [clip.frames_FHWC, *(generate(components, release, request) for request in requests)]
    contact_sheet(rows, path)
