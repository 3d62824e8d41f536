"""How close frames are to true ones: squared errors that can be pooled, and PSNR in dB."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SquaredError:
    """A sum of squared errors over `count` values in 0..1; pools by addition."""

    total: float = 0.0
    count: int = 0

    def __add__(self, other: SquaredError) -> SquaredError:
        return SquaredError(self.total + other.total, self.count + other.count)

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio, -10 log10 of the mean squared error; NaN for no pixels, infinite for equal ones."""
        if self.count == 0:
            return float("nan")
        return float("inf") if self.total == 0 else -10.0 * float(np.log10(self.total / self.count))


def squared_error(made: np.ndarray, truth: np.ndarray, where_FHW: np.ndarray | None = None) -> SquaredError:
    """Of uint8 frames of one shape, over all values or over the pixels where the bool mask is set."""
    square = np.square((made.astype(np.float32) - truth.astype(np.float32)) / 255.0)
    if where_FHW is not None:
        square = square[where_FHW]
    return SquaredError(float(square.sum(dtype=np.float64)), int(square.size))


def pooled(errors: Iterable[SquaredError]) -> SquaredError:
    return sum(errors, SquaredError())
