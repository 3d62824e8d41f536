"""The frames of a clip as one picture, from which a page shows any of them at once."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .subject import shrunk

#: Frames of a sheet at most, evenly chosen where a clip has more, and the shorter side of each in pixels.
_MOST, _SIDE = 97, 224


@dataclass(frozen=True)
class FrameSheet:
    """`url`: a JPEG as `data:` address, of rows of `columns` frames of `width` x `height`. `frames`: which frame of the clip each is."""

    url: str
    columns: int
    width: int
    height: int
    frames: tuple[int, ...]
    fps: float


def frame_sheet(frames_FHWC: np.ndarray, fps: float) -> FrameSheet:
    """uint8 RGB frames."""
    chosen = np.linspace(0, len(frames_FHWC) - 1, min(_MOST, len(frames_FHWC))).round().astype(int)
    small = shrunk(frames_FHWC[chosen], _SIDE)
    count, height, width = small.shape[:3]
    columns = math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / columns)
    padded = np.concatenate([small, np.zeros((rows * columns - count, height, width, 3), np.uint8)])
    sheet = (
        padded.reshape(rows, columns, height, width, 3)
        .swapaxes(1, 2)
        .reshape(rows * height, columns * width, 3)
    )
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "JPEG", quality=82)
    url = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return FrameSheet(
        url, columns, width, height, tuple(int(frame) for frame in chosen), fps * count / len(frames_FHWC)
    )
