"""A prepared folder of drawings: PNG files with alpha and `index.json`, as `prepare` writes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from ...media.images import read_as_stored

INDEX = "index.json"
Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class Drawing:
    """One picture of the library. `sha256` is that of the file in its package; `words` name what it shows."""

    path: Path
    sha256: str
    source: str
    category: str
    words: tuple[str, ...]

    @property
    def split(self) -> Split:
        """A file whose hash ends in 0 is never trained on."""
        return "heldout" if self.sha256.endswith("0") else "train"

    def pixels(self) -> np.ndarray:
        """[H, W, 4] uint8 RGBA, not premultiplied."""
        return read_rgba(self.path)


@lru_cache(maxsize=256)
def read_rgba(path: Path) -> np.ndarray:
    picture = read_as_stored(path)
    if picture.shape[2] == 3:
        picture = np.concatenate([picture, np.full_like(picture[..., :1], 255)], axis=2)
    return picture


def read_library(folder: Path, split: Split) -> list[Drawing]:
    """In the order of the index. ValueError if the folder has no index."""
    index = folder / INDEX
    if not index.is_file():
        raise ValueError(f"{folder}: no {INDEX}; make the library with: anisora data art --out {folder.name}")
    rows = json.loads(index.read_text(encoding="utf-8"))["drawings"]
    return [drawing for drawing in drawings_of(rows, folder) if drawing.split == split]


def drawings_of(rows: Sequence[dict[str, object]], folder: Path) -> list[Drawing]:
    return [
        Drawing(
            folder / str(row["file"]),
            str(row["sha256"]),
            str(row["source"]),
            str(row["category"]),
            tuple(str(row["words"]).split()),
        )
        for row in rows
    ]
