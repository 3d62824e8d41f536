"""Pictures as the nodes get them, the same with and without ComfyUI: `pictures`' pixels as floats 0..1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ImageColor
from torch import Tensor

from .pictures import read_colours_and_alpha, read_picture
from .tensors import to_floats

WHITE = (255, 255, 255)


def read_image(path: Path, paper: tuple[int, int, int] = WHITE) -> Tensor:
    """HWC float 0..1 RGB, transparency over `paper`, 0..255. `Unreadable` when it cannot be read."""
    return to_floats(read_picture(path, paper=paper))


def read_colour(text: str) -> tuple[int, int, int]:
    """`#rrggbb`, or a name as in CSS -> 0..255 each. ValueError for another text."""
    try:
        red, green, blue = ImageColor.getrgb(text.strip())[:3]
    except ValueError:
        raise ValueError(
            f"paper {text[:40]!r} is not a colour; write it as #rrggbb, or as white, black, grey"
        ) from None
    return red, green, blue


def read_image_and_alpha(path: Path) -> tuple[Tensor, Tensor | None]:
    """(colours HWC, alpha HW or None), float 0..1. `Unreadable` when it cannot be read."""
    colours, alpha = read_colours_and_alpha(path)
    return to_floats(colours), None if alpha is None else to_floats(alpha)


def read_mask(path: Path) -> Tensor:
    """HW float 0..1, the brightness; what is transparent is black, as white strokes on a layer of their own mean it.
    `Unreadable` when it cannot be read."""
    colours, alpha = read_image_and_alpha(path)
    brightness = colours.mean(-1)
    return brightness if alpha is None else brightness * alpha


def read_as_stored(path: Path) -> np.ndarray:
    """uint8 RGB or RGBA by OpenCV's decoder, whose JPEGs differ from Pillow's in single bits: mini's cartoons keep it.

    Only for the art of this package. ValueError when it cannot be read.
    """
    import cv2

    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ValueError(f"art file {path.name} cannot be read; restore the folder {path.parent.name}")
    return cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB)
