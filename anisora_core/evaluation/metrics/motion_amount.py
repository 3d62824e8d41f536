"""How much moves, and where, measured with optical flow or without it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ...media.optical_flow import optical_flow


def speed(frames_FHWC: np.ndarray) -> np.ndarray:
    """Pixels per frame of every pixel, [F - 1, H, W]."""
    return np.stack(
        [np.hypot(*np.moveaxis(optical_flow(a, b), 2, 0)) for a, b in itertools.pairwise(frames_FHWC)]
    )


def mean_speed(clips: Sequence[np.ndarray]) -> float:
    """Pixels per frame, averaged over the pixels of each clip and then over clips."""
    return float(np.mean([speed(clip).mean() for clip in clips]))


def motion_amount(frames_FHWC: np.ndarray) -> float:
    """Pixels per frame that edges move on average, without OpenCV: change over time by change over space, pooled.

    The normal flow of Horn and Schunck (1981, equation 1) over the whole clip; for comparing clips of like pictures.
    """
    grey = frames_FHWC.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    in_time = np.abs(np.diff(grey, axis=0))
    down, across = (np.abs(np.diff(grey, axis=axis)) for axis in (1, 2))
    return float(in_time.mean() / max(1e-6, float(np.hypot(down.mean(), across.mean()))))


def moving_pixels(frames_FHWC: np.ndarray, *, threshold: float = 0.5, noise: float = 0.06) -> np.ndarray:
    """bool [F - 1, H, W]: faster than `threshold` pixels a frame, and changed by more than `noise` (0..1).

    Optical flow alone spreads a patch over every edge, and finds motion in what only flickers as a VAE does.
    """
    change = np.abs(np.diff(frames_FHWC.astype(np.int16), axis=0)).max(-1) / 255.0
    return (speed(frames_FHWC) > threshold) & (change > noise)
