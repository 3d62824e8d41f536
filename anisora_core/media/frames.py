"""Clips and animated pictures as training reads them: frames at a wanted rate, and what a file holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from .pictures import LARGEST, opened, rgb, upright
from .signature import MADE_BY, SOFTWARE
from .unreadable import Unreadable
from .video import VIDEOS, comment_of, timed_frames, upright_pixels

#: Formats whose further pictures are moments, not the pages, layers or thumbnails that TIFF, PSD and MPO hold.
_MOVING = frozenset({"AVIF", "GIF", "PNG", "WEBP"})
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)
_SMALL = 1 << 16
#: Seconds by which sums of durations are off.
_TINY = 1e-6


@dataclass(frozen=True)
class MediaInfo:
    """Upright size in pixels, number of frames as stored (1 is a still), the first one, much smaller, and how long it lasts."""

    height: int
    width: int
    num_frames: int
    small_HWC: np.ndarray
    seconds: float = 0.0


def read_frames(
    path: Path, fps: float, most: int, *, skip: int = 0, most_pixels: int = LARGEST
) -> np.ndarray:
    """frames_FHWC of a video or an animated picture: at 0, 1 / fps, 2 / fps ... seconds the frame nearest in time.

    At least one and at most `most` frames after the first `skip`; a still picture gives one. Larger frames than
    `most_pixels` are shrunk as `read_picture` does. ValueError when the file cannot be read.
    """
    if fps <= 0 or most < 1:
        raise ValueError(f"{fps} frames per second, at most {most}: both must be above zero")
    moments = _video if path.suffix.lower() in VIDEOS else _animation
    return np.stack(list(islice(_nearest(moments(path, most_pixels), fps), skip, skip + most)))


@dataclass(frozen=True)
class WholeClip:
    """Frames as stored, uint8 RGB. `fps`: their number by the seconds they last, also where the rate varies; 0 for a still. `cut`: whether there are more."""

    frames_FHWC: np.ndarray
    fps: float
    cut: bool


def read_clip(path: Path, most: int, *, most_pixels: int = LARGEST) -> WholeClip:
    """The first `most` frames of a video or animated picture, none repeated and none left out; ValueError when it cannot be read.

    Larger frames than `most_pixels` are shrunk. Frames whose size changes within the file: ValueError, since they cannot be compared.
    """
    moments = _video if path.suffix.lower() in VIDEOS else _animation
    frames: list[np.ndarray] = []
    end, cut = 0.0, False
    for _, last, frame in moments(path, most_pixels):
        if cut := len(frames) == most:
            break
        if frames and frame.shape != frames[0].shape:
            raise Unreadable(path, "changes its size within the clip; save it again in one size")
        frames.append(frame)
        end = last
    return WholeClip(np.stack(frames), len(frames) / end if end > 0 and len(frames) > 1 else 0.0, cut)


def frames_within(seconds: float, fps: float) -> int:
    """How many frames `read_frames` finds in a file that lasts so long."""
    return max(1, math.ceil((seconds - _TINY) * fps))


def inspect_media(path: Path) -> MediaInfo:
    """What a file holds. All of it is decoded, so that what passes can be read later; ValueError when it cannot."""
    if path.suffix.lower() in VIDEOS:
        return _inspect_video(path)
    with opened(path) as image:
        width, height = image.size
        num_frames = _num_frames(image)
        small = rgb(upright(image, _SMALL), None)
        if image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE:
            height, width = width, height
        seconds = sum(_seconds(frame) for frame in ImageSequence.Iterator(image)) if num_frames > 1 else 0.0
    return MediaInfo(height, width, num_frames, small, seconds)


def is_signed(path: Path) -> bool:
    """Whether a picture or video was made by this project; False for any other file, of whatever kind."""
    try:
        if path.suffix.lower() in VIDEOS:
            return comment_of(path) == MADE_BY
        with opened(path) as image:
            return image.getexif().get(SOFTWARE) == MADE_BY
    except Unreadable:
        return False


def _num_frames(image: Image.Image) -> int:
    return getattr(image, "n_frames", 1) if image.format in _MOVING else 1


def _nearest(moments: Iterable[tuple[float, float, np.ndarray]], fps: float) -> Iterator[np.ndarray]:
    """Of frames with their first and last second, the one nearest to each multiple of 1 / fps up to the end."""
    step, start, end, frame = 0, 0.0, 0.0, None
    for next_start, next_end, next_frame in moments:
        while frame is not None and step / fps <= (start + next_start) / 2:
            yield frame
            step += 1
        start, end, frame = next_start, next_end, next_frame
    while frame is not None and (step == 0 or step / fps < end - _TINY):
        yield frame
        step += 1


def _animation(path: Path, most_pixels: int) -> Iterator[tuple[float, float, np.ndarray]]:
    with opened(path) as image:
        profile, moving, start = image.info.get("icc_profile"), _num_frames(image) > 1, 0.0
        for frame in ImageSequence.Iterator(image) if moving else [image]:
            picture = rgb(upright(frame, most_pixels), profile)
            end = start + _seconds(frame) if moving else start
            yield start, end, picture
            start = end


def _seconds(frame: Image.Image) -> float:
    """As browsers do: frames that name no time are shown for a tenth of a second."""
    frame.load()
    return (frame.info.get("duration") or 100) / 1000


def _video(path: Path, most_pixels: int) -> Iterator[tuple[float, float, np.ndarray]]:
    for start, end, frame in timed_frames(path):
        yield start, end, rgb(upright(Image.fromarray(upright_pixels(frame)), most_pixels), None)


def _inspect_video(path: Path) -> MediaInfo:
    frames = timed_frames(path)
    _, end, frame = next(frames)
    first = upright_pixels(frame)
    ends = [end, *(end for _, end, _ in frames)]
    height, width = first.shape[:2]
    small = rgb(upright(Image.fromarray(first), _SMALL), None)
    return MediaInfo(height, width, len(ends), small, ends[-1])
