"""The mark in clips made by this project, by which a file of somebody else's is told from one that may be replaced."""

from __future__ import annotations

from PIL import Image

#: The comment of an MP4, and the software named in the EXIF of a picture.
MADE_BY = "ComfyUI-AniSora"
SOFTWARE = 0x0131


def signed() -> Image.Exif:
    """EXIF with the mark, for PNG, JPEG and WebP."""
    exif = Image.Exif()
    exif[SOFTWARE] = MADE_BY
    return exif
