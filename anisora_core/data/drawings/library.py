"""A prepared folder of drawings: PNG files with alpha and `index.json`, as `prepare` writes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...media.images import read_as_stored

INDEX = "index.json"
Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class Drawing:
    """One picture of the library. `sha256` is that of the file in its package; `words` name what it shows.

    `closed`: the same with its eyes closed; `mouths`: with other mouths. All of one size.
    """

    path: Path
    sha256: str
    source: str
    category: str
    words: tuple[str, ...]
    closed: Path | None = None
    mouths: tuple[Path, ...] = ()

    @property
    def split(self) -> Split:
        """A file whose hash ends in 0 is never trained on."""
        return "heldout" if self.sha256.endswith("0") else "train"


@lru_cache(maxsize=256)
def read_rgba(path: Path) -> np.ndarray:
    """[H, W, 4] uint8, not premultiplied."""
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


def drawings_of(rows: Sequence[dict[str, Any]], folder: Path) -> list[Drawing]:
    return [
        Drawing(
            folder / row["file"],
            row["sha256"],
            row["source"],
            row["category"],
            tuple(row["words"].split()),
            folder / row["closed"] if row["closed"] else None,
            tuple(folder / name for name in row["mouths"]),
        )
        for row in rows
    ]
