"""Clips on one picture, a row for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..domain.atomic_write import write_beside
from .signature import signed


def contact_sheet(clips: list[np.ndarray], path: Path, *, columns: int = 8) -> None:
    """One row per clip, `columns` frames spread over it; uint8 FHWC each, rows padded to the widest."""
    from PIL import Image

    rows = [
        clip[np.linspace(0, len(clip) - 1, min(columns, len(clip))).round().astype(int)] for clip in clips
    ]
    strips = [np.concatenate(list(row), axis=1) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(s, ((0, 4), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips]
    with write_beside(path) as part:
        sheet = Image.fromarray(np.concatenate(padded))
        sheet.save(part, quality=90, exif=signed())  # png ignores the quality
