"""Drawings that a model is tried on: read from a folder, in styles, with a caption and the place of a face where they are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ...conditioning.timeline import fit_picture
from ...media.images import read_image
from ...media.resize import Size, cover
from ...media.tensors import to_bytes
from .unseen_art import DRAWINGS

#: Left, top, right, bottom, as shares of a picture's width and height.
Box = tuple[float, float, float, float]
#: A face smaller than this in a clip, in pixels of a side, is not measured: nothing of it is left after the VAE.
SMALLEST_FACE = 8


@dataclass(frozen=True)
class HeldOutDrawing:
    """`picture_HWC`: 0..1, in its own size, over white; `face`: of that picture; `caption`: empty where none is known."""

    name: str
    style: str
    picture_HWC: Tensor
    caption: str = ""
    face: Box | None = None

    def fitted(self, size: Size) -> Tensor:
        """Covering (height, width) and cropped to its middle, as the nodes do."""
        return fit_picture(self.picture_HWC, *size)[0]

    def pixels(self, size: Size) -> np.ndarray:
        """`fitted`, as uint8 HWC."""
        return to_bytes(self.fitted(size))

    def face_mask(self, size: Size) -> np.ndarray | None:
        """bool HW of the fitted picture; None without a face, or with one that is cropped away or smaller than `SMALLEST_FACE`."""
        if self.face is None:
            return None
        source_height, source_width = self.picture_HWC.shape[:2]
        placed = cover((source_height, source_width), size)
        left, top, right, bottom = (
            round(share * placed.scaled[1 - number % 2]) - (placed.left, placed.top)[number % 2]
            for number, share in enumerate(self.face)
        )
        mask = np.zeros(size, bool)
        mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
        return mask if min(mask.any(1).sum(), mask.any(0).sum()) >= SMALLEST_FACE else None


def read_drawings(folder: Path, listed: Path) -> list[HeldOutDrawing]:
    """Those of the list `listed` that are in `folder`; or, where none is, every drawing below it, a style for each subfolder.

    The list is JSON: style -> file below the folder -> {"face", "crop", "caption"}, all optional, boxes as shares of the whole picture. ValueError for a
    folder without drawings.
    """
    styles: dict[str, Any] = json.loads(listed.read_text())
    found = [
        read_drawing(folder, style, name, entry)
        for style, files in styles.items()
        if isinstance(files, dict)
        for name, entry in files.items()
        if (folder / name).is_file()
    ]
    if found:
        return found
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in DRAWINGS)
    if not paths:
        raise ValueError(
            f"folder {folder} holds no drawings; name one with {', '.join(sorted(DRAWINGS))} files"
        )
    names = [path.relative_to(folder) for path in paths]
    return [read_drawing(folder, str(name.parent), str(name), {}) for name in names]


def read_drawing(folder: Path, style: str, name: str, entry: Mapping[str, Any]) -> HeldOutDrawing:
    """`entry`: as the list of `read_drawings` has it. A .txt beside the file is its caption, unless `entry` has one."""
    picture = read_image(folder / name)
    height, width = picture.shape[:2]
    left, top, right, bottom = entry.get("crop", (0.0, 0.0, 1.0, 1.0))
    text = (folder / name).with_suffix(".txt")
    return HeldOutDrawing(
        name=name,
        style=style,
        picture_HWC=picture[
            round(top * height) : round(bottom * height), round(left * width) : round(right * width)
        ],
        caption=entry.get("caption", text.read_text().strip() if text.is_file() else ""),
        face=_within(entry["face"], (left, top, right, bottom)) if "face" in entry else None,
    )


def _within(box: Box, crop: Box) -> Box:
    """`box` as shares of `crop`; both are shares of the whole picture."""
    left, top, width, height = crop[0], crop[1], crop[2] - crop[0], crop[3] - crop[1]
    return (
        (box[0] - left) / width,
        (box[1] - top) / height,
        (box[2] - left) / width,
        (box[3] - top) / height,
    )
