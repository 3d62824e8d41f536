"""Clips to be measured, and what lies beside them: true clips, drawings, motion areas and prompts, found by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ...conditioning.timeline import parse_position
from ...domain.json_text import parse_json
from ...media.frames import read_clip
from ...media.pictures import PICTURES, read_picture
from ...media.resize import resized_pixels, shrunk_size
from ...media.unreadable import Unreadable
from ...media.video import VIDEOS
from ..metrics.cadence import held_frames
from ..metrics.motion_amount import moving_pixels
from ..metrics.steadiness import still_pixels

#: Frames of a clip that are measured, and pixels above which they are shrunk; 20 seconds at 16 frames a second, and 1280x720.
MOST_FRAMES, MOST_PIXELS = 321, 1280 * 720
#: Shorter side, in pixels, at which optical flow and what follows from it is measured.
_SMALL_SIDE = 192
#: Frame rate of clips that do not say theirs, as ComfyUI's animated pictures: that of Wan and AniSora.
_USUAL_FPS = 16.0
AREA = ".mask"


@dataclass(frozen=True)
class Subject:
    """One clip, uint8 RGB. `truth_FHWC`: the true clip in the same size, as many frames as both have; `keyframes`: drawings by frame, in the same size;
    `area_HW`: bool, what may move. `notes`: what was changed to make them comparable.
    """

    name: str
    frames_FHWC: np.ndarray
    fps: float = _USUAL_FPS
    truth_FHWC: np.ndarray | None = None
    keyframes: Mapping[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])
    area_HW: np.ndarray | None = None
    prompt: str = ""
    notes: tuple[str, ...] = ()

    @property
    def drawing_HWC(self) -> np.ndarray:
        """What the clip begins with: the first keyframe, the first true frame, or its own first frame."""
        if 0 in self.keyframes:
            return self.keyframes[0]
        return self.frames_FHWC[0] if self.truth_FHWC is None else self.truth_FHWC[0]

    @cached_property
    def small_FHWC(self) -> np.ndarray:
        return shrunk(self.frames_FHWC, _SMALL_SIDE)

    @cached_property
    def small_drawing_HWC(self) -> np.ndarray:
        return resized_pixels(self.drawing_HWC, self.small_FHWC.shape[1:3])

    @cached_property
    def moving_FHW(self) -> np.ndarray:
        """bool [F - 1, h, w], of `small_FHWC`."""
        return moving_pixels(self.small_FHWC)

    @cached_property
    def held(self) -> np.ndarray:
        """bool [F - 1]: `cadence.held_frames` of the clip in its own size."""
        return held_frames(self.frames_FHWC)

    @cached_property
    def still_HW(self) -> np.ndarray:
        """bool [h, w], of `small_FHWC`."""
        return still_pixels(self.small_FHWC)


def shrunk(frames_FHWC: np.ndarray, side: int) -> np.ndarray:
    """So that the shorter side has at most so many pixels."""
    height, width = frames_FHWC.shape[1:3]
    size = shrunk_size((height, width), side)
    return np.stack([resized_pixels(frame, size) for frame in frames_FHWC])


def clips_in(place: Path) -> dict[str, Path]:
    """The clips of a folder by their names without ending, or the one file. ValueError when there is none."""
    if not place.is_dir():
        return {place.stem: place}
    moving = VIDEOS | (PICTURES & {".apng", ".gif", ".webp"})
    found = {p.stem: p for p in sorted(place.iterdir()) if p.suffix.lower() in moving and p.is_file()}
    if not found:
        raise ValueError(
            f"{str(place)!r} has no clip; give a folder of MP4, WebM, MKV, MOV, GIF or WebP files"
        )
    return found


def read_prompts(path: Path) -> dict[str, str]:
    """Name of a clip -> prompt: a JSON object, or lines of the name, a tab and the prompt."""
    try:
        text = path.read_text("utf-8-sig")
        read = parse_json(text) if text.lstrip().startswith("{") else None
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{str(path)!r} cannot be read as prompts ({reason}); save it as UTF-8 text or JSON"
        ) from None
    if read is not None:
        if not all(isinstance(prompt, str) for prompt in read.values()):
            raise ValueError(
                f"{str(path)!r}: every prompt must be text; write {json.dumps({'clip_1': 'a girl waves'})}"
            )
        return {Path(name).stem: prompt for name, prompt in read.items()}
    rows = [line.split("\t", 1) for line in text.splitlines() if line.strip()]
    for number, row in enumerate(rows, 1):
        if len(row) < 2:
            raise ValueError(
                f"{str(path)!r}: line {number} has no tab; write the clip's name, a tab and its prompt"
            )
    return {Path(name.strip()).stem: prompt.strip() for name, prompt in rows}


@dataclass(frozen=True)
class References:
    """A folder of true clips (`NAME.mp4`), drawings (`NAME.png` for the first frame, `NAME@24.png` or `NAME@last.png` for others) and motion areas
    (`NAME.mask.png`, white may move)."""

    truths: Mapping[str, Path] = field(default_factory=dict[str, Path])
    drawings: Mapping[str, Mapping[str, Path]] = field(default_factory=dict[str, Mapping[str, Path]])
    areas: Mapping[str, Path] = field(default_factory=dict[str, Path])

    @property
    def names(self) -> set[str]:
        return {*self.truths, *self.drawings, *self.areas}


def references_in(folder: Path | None) -> References:
    """ValueError when the folder is not there or has nothing of the kind."""
    if folder is None:
        return References()
    if not folder.is_dir():
        raise ValueError(f"--reference {str(folder)!r} is not a folder; give one with true clips or drawings")
    truths: dict[str, Path] = {}
    drawings: dict[str, dict[str, Path]] = {}
    areas: dict[str, Path] = {}
    for path in _media(folder.iterdir()):
        if path.suffix.lower() in VIDEOS:
            truths[path.stem] = path
        elif path.stem.endswith(AREA):
            areas[path.stem.removesuffix(AREA)] = path
        else:
            name, _, position = path.stem.partition("@")
            drawings.setdefault(name, {})[position or "first"] = path
    found = References(truths, drawings, areas)
    if not found.names:
        raise ValueError(f"--reference {str(folder)!r} has no clip or drawing; name them like the clips")
    return found


def _media(paths: Iterable[Path]) -> list[Path]:
    return sorted(p for p in paths if p.suffix.lower() in VIDEOS | PICTURES and not p.name.startswith("."))


def read_subject(name: str, path: Path, references: References, prompt: str = "") -> Subject:
    """ValueError, naming the file, when the clip or what belongs to it cannot be read."""
    clip = read_clip(path, MOST_FRAMES, most_pixels=MOST_PIXELS)
    notes = [f"only its first {MOST_FRAMES} frames are measured"] if clip.cut else []
    frames, fps = clip.frames_FHWC, clip.fps or _USUAL_FPS
    if min(frames.shape[1:3]) < 32:
        raise Unreadable(
            path, f"has frames of {frames.shape[2]}x{frames.shape[1]} pixels; at least 32x32 are needed"
        )
    truth = None
    if name in references.truths:
        truth = read_clip(references.truths[name], MOST_FRAMES, most_pixels=MOST_PIXELS).frames_FHWC
        frames, truth, more = comparable(frames, truth)
        notes += more
    size = frames.shape[1:3]
    keyframes = {
        parse_position(position, len(frames), fps): resized_pixels(read_picture(drawing), size)
        for position, drawing in references.drawings.get(name, {}).items()
    }
    area = None
    if name in references.areas:
        area = resized_pixels(read_picture(references.areas[name]), size).mean(-1) > 127
    return Subject(name, frames, fps, truth, keyframes, area, prompt, tuple(notes))


def comparable(frames_FHWC: np.ndarray, truth_FHWC: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Both at the true clip's size and with as many frames as both have, by number and not by time; and what that changed."""
    notes: list[str] = []
    if frames_FHWC.shape[1:3] != truth_FHWC.shape[1:3]:
        (height, width), (true_height, true_width) = frames_FHWC.shape[1:3], truth_FHWC.shape[1:3]
        notes.append(f"resized from {width}x{height} to {true_width}x{true_height} of the reference")
        frames_FHWC = np.stack([resized_pixels(frame, (true_height, true_width)) for frame in frames_FHWC])
    if len(frames_FHWC) != len(truth_FHWC):
        notes.append(
            f"{len(frames_FHWC)} frames against {len(truth_FHWC)} of the reference: the first ones compared"
        )
    both = min(len(frames_FHWC), len(truth_FHWC))
    return frames_FHWC[:both], truth_FHWC[:both], notes
