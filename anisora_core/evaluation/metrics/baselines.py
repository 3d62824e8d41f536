"""What a model must beat when it draws the frames between two keyframes: three baselines that cost nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...media.optical_flow import warped


def warped_between(first_HWC: np.ndarray, last_HWC: np.ndarray, num_frames: int) -> np.ndarray:
    """Both ends warped along their optical flow and mixed by distance; FHWC with the ends included."""
    shares = np.linspace(0.0, 1.0, num_frames)
    from_first, from_last = warped(first_HWC, last_HWC, shares.tolist())
    u = shares[:, None, None, None]
    return ((1 - u) * from_first + u * from_last).round().astype(np.uint8)


def cross_faded(first_HWC: np.ndarray, last_HWC: np.ndarray, num_frames: int) -> np.ndarray:
    share = np.linspace(0.0, 1.0, num_frames, dtype=np.float32)[:, None, None, None]
    return (first_HWC * (1 - share) + last_HWC * share).round().astype(np.uint8)


def nearest_held(first_HWC: np.ndarray, last_HWC: np.ndarray, num_frames: int) -> np.ndarray:
    return np.stack([first_HWC if 2 * f < num_frames else last_HWC for f in range(num_frames)])


BASELINES = {"held": nearest_held, "cross_fade": cross_faded, "dis_flow": warped_between}


def gain_over_baselines(made: float, baselines: Mapping[str, float]) -> float:
    """dB of PSNR over the best baseline."""
    return made - max(baselines[name] for name in BASELINES)
