"""The honest picture: mini on drawings and animation that it never saw (`control.py --art DIR`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.conditioning.timeline import fit_picture
from comfyui_anisora.anisora_core.domain.conditions import MotionArea
from comfyui_anisora.anisora_core.evaluation.motion import inside_share, moving_pixels
from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.media.images import read_image
from comfyui_anisora.anisora_core.media.tensors import to_bytes, to_floats
from comfyui_anisora.anisora_core.media.video import decoded_frames
from scipy.ndimage import binary_dilation

CLIPS = {".mp4", ".webm", ".apng", ".gif"}
DRAWINGS = {".png", ".jpg", ".jpeg", ".webp"}
CUT = 0.12  # mean difference of neighbouring frames (0..1) taken for another shot
SHAPE = (33, 128, 128)
WORDS = "the character looks around, hair and clothes sway"


@dataclass(frozen=True)
class ArtClip:
    """A run of real animation without a cut, or a drawing held; what `control.Bench` needs of a clip."""

    name: str
    frames_FHWC: np.ndarray
    moving_FHW: np.ndarray
    caption: str = WORDS
    motion_score: float = 3.0
    seed: int = 0


def art_clip(name: str, frames_FHWC: np.ndarray) -> ArtClip:
    moving = moving_pixels(frames_FHWC)
    return ArtClip(name, frames_FHWC, np.concatenate([moving, moving[-1:]]))


def fitted(picture_HWC: torch.Tensor) -> np.ndarray:
    """0..1, RGB or RGBA -> uint8 at SHAPE's size, over white, covering and cropped as the nodes do."""
    return to_bytes(fit_picture(picture_HWC, *SHAPE[1:])[0][None])[0]


def read_frames(path: Path, fps: float) -> Iterator[np.ndarray]:
    """Frames at `fps`, fitted."""
    due = 0.0
    for frame in decoded_frames(path):
        if frame.time is not None and frame.time + 1e-6 < due:
            continue
        due = (frame.time or due) + 1.0 / fps
        yield fitted(to_floats(frame.to_ndarray(format="rgba")))


def shots_of(path: Path, fps: float, limit: int) -> list[ArtClip]:
    """Up to `limit` runs of 33 frames without a cut and with some motion, in order; shorter if the file is (17 at least)."""
    found: list[ArtClip] = []

    def keep(run: list[np.ndarray]) -> None:
        clip = art_clip(f"{path.stem} {len(found) + 1}", np.stack(run))
        if clip.moving_FHW.mean() > 0.003:
            found.append(clip)

    run: list[np.ndarray] = []
    for frame in read_frames(path, fps):
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


def drawings(folder: Path, count: int) -> list[ArtClip]:
    """`count` drawings spread over the folder's, each held for the length of a clip."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in DRAWINGS)
    picked = [paths[i] for i in np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)]
    return [held(path) for path in picked]


def held(path: Path) -> ArtClip:
    frames = np.broadcast_to(fitted(read_image(path)), (*SHAPE, 3)).copy()
    return ArtClip(path.stem, frames, np.zeros(SHAPE, bool))


def animate(bench: Any, clip: ArtClip) -> list[np.ndarray]:
    """One drawing through the workflows that take one: first frame, last frame, and an area in its middle."""
    height, width = SHAPE[1:]
    area = torch.zeros(1, height, width)
    area[:, height // 8 : height * 5 // 8, width // 4 : width * 3 // 4] = 1.0
    last = SHAPE[0] - 1
    return [
        bench.make(clip, [0]),
        bench.make(clip, [last]),
        bench.make(clip, [0], motion_area=MotionArea(area, "condition", 2.0)),
    ]


def storyboard(bench: Any, clips: Sequence[ArtClip]) -> np.ndarray:
    """Neighbouring drawings as keyframes of one clip, evenly spaced."""
    frames = clips[0].frames_FHWC.copy()
    places = np.linspace(0, SHAPE[0] - 1, len(clips)).round().astype(int)
    for place, clip in zip(places, clips, strict=True):
        frames[place] = clip.frames_FHWC[0]
    return bench.make(ArtClip("storyboard", frames, clips[0].moving_FHW), list(places))


def area_row(bench: Any, clip: ArtClip) -> dict[str, float]:
    """The way `condition` on an area around all that truly moves."""
    area = binary_dilation(clip.moving_FHW.any(0), iterations=4)
    made = bench.make(clip, [0], motion_area=MotionArea(torch.from_numpy(area)[None].float(), "condition"))
    return {"precision": inside_share(moving_pixels(made), area), "area": float(area.mean())}


def real_clips(folder: Path, fps: float, per_file: int) -> list[ArtClip]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in CLIPS)
    return [clip for path in paths for clip in shots_of(path, fps, per_file)]


def show(bench: Any, folder: Path, count: int, out: Path) -> list[Path]:
    """Contact sheets of `count` drawings animated by each workflow; returns the files."""
    clips = drawings(folder, count)
    rows = [row for clip in clips for row in animate(bench, clip)]
    boards = [storyboard(bench, clips[:number]) for number in (2, min(5, len(clips)))]
    sheets = {out / "art_drawings.jpg": rows, out / "art_keyframes.jpg": boards}
    for path, sheet in sheets.items():
        contact_sheet(sheet, path)
    return list(sheets)
