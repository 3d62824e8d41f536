"""Pictures from disk, the same with and without a host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def read_image(path: Path) -> Tensor:
    """HWC float 0..1 RGB, transparency over white. ValueError naming the file when it is missing or not a picture."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            if "A" in picture.getbands() or "transparency" in picture.info:
                rgba = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255.0
    except FileNotFoundError:
        raise ValueError(f"image {path} does not exist; check its name and folder") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"image {path} cannot be read ({error}); save it again as PNG or JPEG") from None
    return torch.from_numpy(pixels)
