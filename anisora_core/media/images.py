"""Pictures from disk, the same with and without a host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image


def read_image(path: Path) -> Tensor:
    """HWC float 0..1 RGB, transparency over white, as paper is."""
    colours, alpha = read_picture(path)
    return colours if alpha is None else colours * alpha[..., None] + (1.0 - alpha[..., None])


def read_picture(path: Path) -> tuple[Tensor, Tensor | None]:
    """(colours HWC, alpha HW or None), float 0..1, upright. ValueError naming the file when it cannot be read."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            has_alpha = "A" in picture.getbands() or "transparency" in picture.info
            alpha = to_float(picture.convert("RGBA").getchannel("A")) if has_alpha else None
            return to_float(picture.convert("RGB")), alpha
    except FileNotFoundError:
        raise ValueError(f"image {path} does not exist; check its name and folder") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"image {path} cannot be read ({error}); save it again as PNG or JPEG") from None


def to_float(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255.0)
