"""Squared errors that can be pooled, and PSNR. Frames are uint8 FHWC; masks bool FHW."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Error:
    """A sum of squared errors over `count` values in 0..1; pools by addition."""

    total: float = 0.0
    count: int = 0

    def __add__(self, other: Error) -> Error:
        return Error(self.total + other.total, self.count + other.count)

    @property
    def psnr(self) -> float:
        """dB; NaN for no pixels, infinite for equal ones."""
        if self.count == 0:
            return float("nan")
        return float("inf") if self.total == 0 else -10.0 * float(np.log10(self.total / self.count))


def error(made: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> Error:
    """Over all values, or over the pixels where `where` is set."""
    square = np.square((made.astype(np.float32) - truth.astype(np.float32)) / 255.0)
    if where is not None:
        square = square[where]
    return Error(float(square.sum(dtype=np.float64)), int(square.size))
