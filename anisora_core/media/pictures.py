"""The one reader of picture files, for nodes, shell, training and evaluation; and pictures written.

Pixels are uint8 RGB in sRGB, upright, transparency over white. `images` gives the same as floats; clips and animated
pictures are `frames`'.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps

from ..domain.atomic_write import write_beside
from .unreadable import MOST_PIXELS, check_size, reading

# fmt: off
PICTURES = frozenset((
    ".apng", ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp",
))
# fmt: on
#: Pillow's names of the formats that are opened, whatever the file is called. Pillow would try all of its decoders: that
#: of PostScript, for one, starts the program Ghostscript, which the file then controls.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TGA", "TIFF", "WEBP")
#: Pixels. No clip or training size comes near; what is larger is shrunk while it is read, so that memory stays bounded.
LARGEST = 32_000_000


def read_picture(
    path: Path, *, most_pixels: int = LARGEST, paper: tuple[int, int, int] = (255, 255, 255)
) -> np.ndarray:
    """picture_HWC: the drawing, or the first frame of an animated picture; ValueError when it cannot be read.

    EXIF orientation is applied, transparency becomes `paper`, white unless another is said, 16 bits become 8 over their whole range, and an ICC
    profile is converted to sRGB unless it is damaged. Above `most_pixels` the sides are divided by a whole number.
    """
    with opened(path) as image:
        return rgb(upright(image, most_pixels), image.info.get("icc_profile"), paper)


def read_colours_and_alpha(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(colours_HWC, alpha_HW or None where all is opaque), otherwise as `read_picture`: colours are not mixed with white."""
    with opened(path) as image:
        picture = upright(image, LARGEST)
        alpha = np.array(picture.getchannel("A")) if picture.mode in ("LA", "RGBA") else None
        colours = picture if alpha is None else picture.convert(picture.mode[:-1])
        return rgb(colours, image.info.get("icc_profile")), alpha


def write_picture(pixels: np.ndarray, path: Path) -> None:
    """uint8 RGB or grey, or bool for black and white, in the format of the name; whole or not at all."""
    with write_beside(path) as part:
        Image.fromarray(pixels).save(part)


@contextmanager
def opened(path: Path) -> Generator[Image.Image]:
    """A file of one of `FORMATS`, not yet decoded. `Unreadable` for what is not one, is damaged, or is too large."""
    with reading(path), warnings.catch_warnings():
        # Large pictures and odd metadata are what folders of drawings are made of.
        warnings.simplefilter("ignore")
        with Image.open(path, formats=_formats()) as image:
            # JPEG 2000 is decoded as 32-bit integers, which take twice the memory of any other format.
            check_size(
                path, image.width, image.height, MOST_PIXELS // (2 if image.format == "JPEG2000" else 1)
            )
            yield image


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow knows: AVIF came with 11.3."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def upright(image: Image.Image, most_pixels: int) -> Image.Image:
    """Decoded and at most `most_pixels` large, in one of the modes L, LA, RGB, RGBA, CMYK, I and F."""
    if (factor := _factor(image, most_pixels)) > 1:
        image.draft(
            None, (image.width // factor, image.height // factor)
        )  # JPEG: a half, a quarter, an eighth
    plain = _plain(image)
    if (factor := _factor(plain, most_pixels)) > 1:
        plain = plain.reduce(factor)
    return ImageOps.exif_transpose(plain)


def _factor(image: Image.Image, most_pixels: int) -> int:
    return math.ceil((image.width * image.height / most_pixels) ** 0.5)


def _plain(image: Image.Image) -> Image.Image:
    """Without palettes, keyed transparency and the modes that Pillow cannot shrink."""
    image.load()
    if image.mode.startswith("I;16"):
        return image.convert("I")
    grey = image.mode in ("1", "L", "LA", "La")
    if "A" in image.getbands() or "transparency" in image.info:
        mode = "LA" if grey else "RGBA"
    elif image.mode in ("CMYK", "I", "F"):
        mode = image.mode
    else:
        mode = "L" if grey else "RGB"
    return image if image.mode == mode else image.convert(mode)  # which would copy it


def rgb(
    image: Image.Image, profile: bytes | None, paper: tuple[int, int, int] = (255, 255, 255)
) -> np.ndarray:
    if image.mode in ("I", "F"):
        image = _eight_bits(image)
    if image.mode in ("LA", "RGBA"):
        grey = image.mode == "LA" and len(set(paper)) == 1
        under = Image.new("L" if grey else "RGB", image.size, paper[0] if grey else paper)
        under.paste(image.convert(under.mode), mask=image.getchannel("A"))
        image = under
    if profile:
        image = _in_srgb(image, profile)
    return np.array(image.convert("RGB"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """I and F name no range: it is the smallest usual one that holds the brightest pixel (integers: 16 bits or 32).

    Floats that are no number are black, and infinite ones as bright as white.
    """
    values = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=np.inf, neginf=0.0)
    ranges = (65535.0, 2.0**32) if image.mode == "I" else (1.0, 255.0, 65535.0, 2.0**32)
    brightest = values.max(initial=0.0, where=np.isfinite(values))
    white = next((top for top in ranges if brightest <= top), brightest)
    return Image.fromarray((values / white * 255.0).clip(0.0, 255.0).round().astype(np.uint8))


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if image.mode == "L" and cast(Any, source.profile).xcolor_space.strip() == "RGB":
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # damaged, or of another kind than the picture: the colours as they are stored
    return converted or image
