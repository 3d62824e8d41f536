"""The honest picture: a model on drawings and animation made by people, none of which it was trained on. No figure here is a goal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ...conditioning.timeline import fit_picture
from ...domain.release import Release
from ...generation.components import Components
from ...media.images import read_image
from ...media.tensors import to_bytes, to_floats
from ...media.video import decoded_frames
from ..metrics.baselines import BASELINES
from ..metrics.mask_precision import area_around, precision
from ..metrics.motion_amount import moving_pixels
from ..reference_clips import generate, request_like
from ..report import spread
from .area_methods import mask_of
from .between_keyframes import gain, inbetween_errors, pooled_psnr

CLIPS = {".mp4", ".webm", ".apng", ".gif"}
DRAWINGS = {".png", ".jpg", ".jpeg", ".webp"}
#: Mean difference of neighbouring frames (0..1) that is taken for a cut to another shot.
CUT = 0.12
#: Frames, height and width of every clip.
SHAPE = (33, 128, 128)
CAPTION = "the character looks around, hair and clothes sway"


@dataclass(frozen=True)
class ArtClip:
    """A run of real animation without a cut, or a drawing held still."""

    name: str
    frames_FHWC: np.ndarray
    moving_FHW: np.ndarray
    caption: str = CAPTION
    motion_score: float = 3.0
    seed: int = 0


@dataclass(frozen=True)
class ArtFigures:
    """`mask_precision`: None when nothing moved in any clip; `mask_n`: clips in which something did."""

    clips: Sequence[str]
    vae_psnr: float
    vae_psnr_spread: dict[str, float]
    inbetween_gain_db: float
    inbetween_psnr: dict[str, float]
    mask_precision: float | None
    mask_n: int
    mask_area: float

    def as_json(self) -> dict[str, Any]:
        """Keys of results/art.json."""
        return {f"art_{name}": value for name, value in vars(self).items()}


def measure_art(components: Components, release: Release, clips: Sequence[ArtClip]) -> ArtFigures:
    rows = [inbetween_errors(components, release, clip) for clip in clips]
    areas = [area_figures(components, release, clip) for clip in clips]
    moved = [found for found, _ in areas if np.isfinite(found)]
    psnr = pooled_psnr(rows)
    return ArtFigures(
        clips=[clip.name for clip in clips],
        vae_psnr=round(psnr["vae"], 2),
        vae_psnr_spread=spread([row["vae"].psnr for row in rows]),
        inbetween_gain_db=round(gain(psnr), 2),
        inbetween_psnr={name: round(psnr[name], 2) for name in ("two", "four", *BASELINES)},
        mask_precision=round(float(np.mean(moved)), 4) if moved else None,
        mask_n=len(moved),
        mask_area=round(float(np.mean([share for _, share in areas])), 4),
    )


def area_figures(components: Components, release: Release, clip: ArtClip) -> tuple[float, float]:
    """(precision, share of the picture) of mask conditioning with an area around all that truly moves."""
    area = area_around(clip.moving_FHW)
    request = replace(request_like(release, clip, [0]), motion_area=mask_of(area, "condition"))
    return precision(moving_pixels(generate(components, release, request)), area), float(area.mean())


def animate_drawing(components: Components, release: Release, drawing: ArtClip) -> list[np.ndarray]:
    """Through the workflows that take one drawing: first frame, last frame, and an area in its middle."""
    height, width = SHAPE[1:]
    area = np.zeros((height, width), bool)
    area[height // 8 : height * 5 // 8, width // 4 : width * 3 // 4] = True
    first = request_like(release, drawing, [0])
    last = request_like(release, drawing, [SHAPE[0] - 1])
    inside = replace(first, motion_area=mask_of(area, "condition", feather=2.0))
    return [generate(components, release, request) for request in (first, last, inside)]


def storyboard(components: Components, release: Release, drawings: Sequence[ArtClip]) -> np.ndarray:
    """Neighbouring drawings as keyframes of one clip, evenly spaced."""
    frames = drawings[0].frames_FHWC.copy()
    places: list[int] = np.linspace(0, SHAPE[0] - 1, len(drawings)).round().astype(int).tolist()
    for place, drawing in zip(places, drawings, strict=True):
        frames[place] = drawing.frames_FHWC[0]
    clip = ArtClip("storyboard", frames, drawings[0].moving_FHW)
    return generate(components, release, request_like(release, clip, places))


def read_clips(folder: Path, fps: float, per_file: int) -> list[ArtClip]:
    """Up to `per_file` shots of every clip under `folder`. ValueError when there is none."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in CLIPS)
    clips = [clip for path in paths for clip in shots_of(path, fps, per_file)]
    if not clips:
        raise ValueError(
            f"folder {folder} holds no clip with {SHAPE[0]} frames of one moving shot; put .mp4 or .apng files there"
        )
    return clips


def read_drawings(folder: Path, count: int) -> list[ArtClip]:
    """`count` drawings spread over the folder's, each held for the length of a clip."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in DRAWINGS)
    picked = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [held_drawing(paths[number]) for number in picked]


def held_drawing(path: Path) -> ArtClip:
    frames = np.broadcast_to(clip_sized(read_image(path)), (*SHAPE, 3)).copy()
    return ArtClip(path.stem, frames, np.zeros(SHAPE, bool))


def shots_of(path: Path, fps: float, limit: int) -> list[ArtClip]:
    """Up to `limit` runs of 33 frames without a cut and with some motion, in order; shorter if the file is (17 at least)."""
    found: list[ArtClip] = []

    def keep(run: list[np.ndarray]) -> None:
        clip = _art_clip(f"{path.stem} {len(found) + 1}", np.stack(run))
        if clip.moving_FHW.mean() > 0.003:
            found.append(clip)

    run: list[np.ndarray] = []
    for frame in frames_at(path, fps):
        if run and np.abs(frame.astype(np.float32) - run[-1]).mean() / 255.0 > CUT:
            run = []
        run.append(frame)
        if len(run) == SHAPE[0]:
            keep(run)
            run = []
        if len(found) == limit:
            return found
    if not found and len(run) >= 17:
        keep(run[: 1 + (len(run) - 1) // 4 * 4])
    return found


def _art_clip(name: str, frames_FHWC: np.ndarray) -> ArtClip:
    moving = moving_pixels(frames_FHWC)
    return ArtClip(name, frames_FHWC, np.concatenate([moving, moving[-1:]]))


def frames_at(path: Path, fps: float) -> Iterator[np.ndarray]:
    """Frames of a video at `fps`: after each one the first that is due, in the size of `SHAPE`."""
    due = 0.0
    for frame in decoded_frames(path):
        seconds = due if frame.pts is None else frame.time
        if seconds + 1e-6 < due:
            continue
        due = (seconds or due) + 1.0 / fps
        yield clip_sized(to_floats(frame.to_ndarray(format="rgba")))


def clip_sized(picture_HWC: Tensor) -> np.ndarray:
    """0..1, RGB or RGBA -> uint8 at `SHAPE`'s size, over white, covering and cropped as the nodes do."""
    return to_bytes(fit_picture(picture_HWC, *SHAPE[1:])[0])
