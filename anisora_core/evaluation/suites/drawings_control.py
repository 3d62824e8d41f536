"""What a model obeys on drawings that it never saw: the motion score, two keyframes of one scene, and a motion area."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from ...conditioning.timeline import fit_picture
from ...domain.release import Release
from ...generation.components import Components
from ...media.resize import Size
from ...media.tensors import to_bytes
from ..metrics.baselines import BASELINES
from ..metrics.drawing_kept import drawing_kept
from ..metrics.mask_precision import precision
from ..metrics.motion_amount import moving_pixels
from ..reference_clips import generate, reconstruct, request_like
from ..report import spread
from .area_methods import mask_of
from .between_keyframes import Errors, clip_gain, gain, inbetween_errors, pooled_psnr
from .control import SCORES
from .held_out_drawings import HeldOutDrawing
from .true_motion import deformed, wobble
from .unseen_art import ArtClip

#: Between the keyframes: how far the picture is deformed, in units, how much the camera zooms, and how far it pans as a share of what it leaves out.
DEFORMED, ZOOMED = (4.0, 8.0), (1.05, 1.3)
#: A motion area around a face reaches so far beyond it, in heights of the face.
AROUND_FACE = 0.5


@dataclass(frozen=True)
class DrawingControl:
    """Of one drawing. `area_moving`: share of the painted pixels that move in some frame; `area_precision`: NaN if nothing moves."""

    spearman: float
    motion_px: Sequence[float]
    inbetween: Errors
    area_precision: float
    area_moving: float


def measure_control(components: Components, release: Release, drawing: HeldOutDrawing) -> DrawingControl:
    height, width = release.size[1], release.size[0]
    pixels = drawing.pixels((height, width))
    still = reconstruct(components.vae, pixels[None])[0]
    held = held_clip(drawing, release)
    request = request_like(release, held, [0])
    motion = [
        drawing_kept(
            generate(components, release, replace(request, motion_score=score)), pixels, still
        ).motion_px
        for score in SCORES
    ]
    area = painted_area(drawing, (height, width))
    inside = replace(request, motion_area=mask_of(area, "condition"))
    moving = moving_pixels(generate(components, release, inside))
    return DrawingControl(
        spearman=float(np.asarray(spearmanr(SCORES, motion))[0]),
        motion_px=motion,
        inbetween=inbetween_errors(components, release, scene(drawing, release)),
        area_precision=precision(moving, area),
        area_moving=float(np.asarray(moving.any(0))[area].mean()),
    )


def summarize_control(rows: Sequence[DrawingControl]) -> dict[str, Any]:
    """The keys of results/keeps_control.json. A score that changes nothing has no rank correlation and counts as 0."""
    psnr = pooled_psnr([row.inbetween for row in rows])
    moved = [row.area_precision for row in rows if np.isfinite(row.area_precision)]
    figures = {
        "motion_spearman": float(np.mean(np.nan_to_num([row.spearman for row in rows]))),
        "inbetween_gain_db": gain(psnr),
        "area_precision": float(np.mean(moved)) if moved else float("nan"),
        "area_moving": float(np.mean([row.area_moving for row in rows])),
    }
    of_scores = np.mean([row.motion_px for row in rows], axis=0)
    return {name: round(value, 4) for name, value in figures.items()} | {
        "motion_px_of_score": {str(s): round(float(px), 3) for s, px in zip(SCORES, of_scores, strict=True)},
        "inbetween_psnr": {name: round(psnr[name], 2) for name in ("two", "four", *BASELINES, "vae")},
        "inbetween_gain_db_spread": spread([clip_gain(row.inbetween) for row in rows]),
    }


def held_clip(drawing: HeldOutDrawing, release: Release) -> ArtClip:
    """The drawing held still for the length of a clip, without a caption."""
    width, height = release.size
    frames = np.repeat(drawing.pixels((height, width))[None], release.num_frames, axis=0)
    return ArtClip(drawing.name, frames, np.zeros(frames.shape[:3], bool), "", release.motion_score)


def painted_area(drawing: HeldOutDrawing, size: Size) -> np.ndarray:
    """bool HW: around the face, as an artist would paint over a head; without one, the middle quarter of the picture."""
    face = drawing.face_mask(size)
    area = np.zeros(size, bool)
    if face is None:
        area[size[0] // 4 : size[0] * 3 // 4, size[1] // 4 : size[1] * 3 // 4] = True
        return area
    rows, columns = np.flatnonzero(face.any(1)), np.flatnonzero(face.any(0))
    margin = round(AROUND_FACE * rows.size)
    area[
        max(0, rows[0] - margin) : rows[-1] + margin + 1,
        max(0, columns[0] - margin) : columns[-1] + margin + 1,
    ] = True
    return area


def scene(drawing: HeldOutDrawing, release: Release) -> ArtClip:
    """True frames between two views of one drawing: evenly in time, a camera zooms in and pans while the picture is deformed along a smooth field."""
    width, height = release.size
    rng = np.random.default_rng((1, zlib.crc32(drawing.name.encode())))
    large = to_bytes(fit_picture(drawing.picture_HWC, 2 * height, 2 * width)[0])
    shares = np.linspace(0.0, 1.0, release.num_frames)[:, None, None, None]
    field = rng.uniform(*DEFORMED) * wobble((height, width), 32.0, rng)
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    zoomed = 1.0 - 1.0 / rng.uniform(*ZOOMED)
    middle = rng.uniform(0.2, 0.8, 2) * (width, height)
    flow = (shares * (field - (places - middle) * zoomed)).astype(np.float32)
    frames = deformed(large, flow).frames_FHWC
    if rng.random() < 0.5:
        frames, flow = frames[::-1].copy(), flow[::-1].copy()
    moving = np.hypot(*np.moveaxis(np.diff(flow, axis=0, append=2 * flow[-1:] - flow[-2:-1]), 3, 0)) > 0.05
    return ArtClip(drawing.name, frames, moving, "", release.motion_score)
