"""How close frames are to true ones: squared errors that can be pooled, PSNR in dB, SSIM and L1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...media.optical_flow import opencv

#: The PSNR in dB that stands for equal frames where a mean over frames is asked for, as an infinite one would hide all others.
MOST_PSNR = 100.0


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


def frame_psnr(made_FHWC: np.ndarray, truth_FHWC: np.ndarray) -> np.ndarray:
    """float64 [F], dB: the PSNR of each uint8 frame, at most `MOST_PSNR`. Papers report the mean of it over frames and then over clips
    (Hore and Ziou 2010; AniSora and MagicAnime, Table II); `SquaredError` pools over pixels instead."""
    errors = [squared_error(*pair) for pair in zip(made_FHWC, truth_FHWC, strict=True)]
    return np.array([min(MOST_PSNR, error.psnr) for error in errors])


def l1(made: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute error of uint8 frames of one shape, in 0..1 (MagicAnime, Table II: L1 loss)."""
    return float(np.abs(made.astype(np.float64) - truth.astype(np.float64)).mean() / 255.0)


def ssim(made_HWC: np.ndarray, truth_HWC: np.ndarray) -> float:
    """Structural similarity of two uint8 pictures, at most 1 (Wang et al. 2004, equation 13): mean over pixels and colour channels.

    The authors' own settings: a Gaussian window of sigma 1.5 and 11 x 11 pixels, K1 0.01, K2 0.03, range 255; the 5 pixels at each border, where
    the window would leave the picture, do not count. ValueError for a picture smaller than the window.
    """
    if min(made_HWC.shape[:2]) < 11:
        height, width = made_HWC.shape[:2]
        raise ValueError(f"SSIM of {width}x{height} pixels: its window is 11x11; give larger pictures")
    cv2 = opencv()

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5)[5:-5, 5:-5]

    x, y = made_HWC.astype(np.float64), truth_HWC.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    of_means = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float((of_means * (2 * covariance + c2) / (variances + c2)).mean())
