"""Small copies of pictures, as Pillow shrinks them, and as text inside JSON."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from .pictures import read_picture
from .unreadable import Unreadable


def thumbnail(picture_HWC: np.ndarray, side: int) -> Image.Image:
    """uint8 RGB -> at most `side` pixels wide and high, in its own shape; never enlarged."""
    image = Image.fromarray(picture_HWC)
    image.thumbnail((side, side))
    return image


def read_thumbnail(path: Path) -> np.ndarray | None:
    """uint8 RGB; None when there is none that can be read."""
    try:
        return read_picture(path)
    except Unreadable:
        return None


def jpeg_url(picture_HWC: np.ndarray, side: int) -> str:
    """A thumbnail as a `data:` address, which pages may show and safetensors metadata can hold."""
    buffer = io.BytesIO()
    thumbnail(picture_HWC, side).save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
