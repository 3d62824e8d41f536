"""Pictures as the nodes get them, the same with and without ComfyUI: float 0..1, colours as stored.

Training reads with `pictures`, which also converts colour profiles and 16 bits. That the two become one is a change of
what comes out, and so not done here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from .tensors import to_floats


def read_image(path: Path) -> Tensor:
    """HWC float 0..1 RGB, transparency over white, as paper is."""
    colours, alpha = read_image_and_alpha(path)
    return colours if alpha is None else colours * alpha[..., None] + (1.0 - alpha[..., None])


def read_image_and_alpha(path: Path) -> tuple[Tensor, Tensor | None]:
    """(colours HWC, alpha HW or None), float 0..1, upright. ValueError naming the file when it cannot be read."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            has_alpha = "A" in picture.getbands() or "transparency" in picture.info
            alpha = to_floats(np.array(picture.convert("RGBA").getchannel("A"))) if has_alpha else None
            return to_floats(np.array(picture.convert("RGB"))), alpha
    except FileNotFoundError:
        raise ValueError(f"image {path} does not exist; check its name and folder") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"image {path} cannot be read ({error}); save it again as PNG or JPEG") from None


def read_as_stored(path: Path) -> np.ndarray:
    """uint8 RGB or RGBA by OpenCV's decoder, whose JPEGs differ from Pillow's in single bits: mini's cartoons keep it.

    ValueError when it cannot be read.
    """
    import cv2

    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ValueError(f"art file {path.name} cannot be read; restore the folder {path.parent.name}")
    return cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB)
