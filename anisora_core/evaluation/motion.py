"""Motion measured with OpenCV's DIS optical flow (Kroeger et al. 2016, arXiv 1603.03590)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise ValueError(
            "motion needs OpenCV; install the extra `evaluate` (opencv-python-headless)"
        ) from None
    return cv2


def flow(before_HWC: np.ndarray, after_HWC: np.ndarray) -> np.ndarray:
    """HW2 pixels from `before` to `after`."""
    cv2 = opencv()
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2GRAY) for f in (before_HWC, after_HWC)]
    return dis.calc(*grey, None)


def speed(frames_FHWC: np.ndarray) -> np.ndarray:
    """Pixels per frame, [F - 1, H, W]."""
    return np.stack([np.hypot(*np.moveaxis(flow(a, b), 2, 0)) for a, b in itertools.pairwise(frames_FHWC)])


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

    Flow alone bleeds a patch over every edge, and sees motion in what only flickers as a VAE does.
    """
    change = np.abs(np.diff(frames_FHWC.astype(np.int16), axis=0)).max(-1) / 255.0
    return (speed(frames_FHWC) > threshold) & (change > noise)


def inside_share(moving: np.ndarray, area_HW: np.ndarray) -> float:
    """Motion-mask precision (AniSora paper, section 5): share of the moving pixels inside the area; NaN for none."""
    return float((moving & area_HW).sum() / moving.sum()) if moving.any() else float("nan")


def warped_between(first_HWC: np.ndarray, last_HWC: np.ndarray, num_frames: int) -> np.ndarray:
    """In-betweening by flow: both ends warped along their flows and mixed by distance; FHWC with the ends included."""
    cv2 = opencv()
    height, width = first_HWC.shape[:2]
    forward, backward = flow(first_HWC, last_HWC), flow(last_HWC, first_HWC)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))

    def warp(image: np.ndarray, field: np.ndarray, amount: float) -> np.ndarray:
        shifted = (x - amount * field[..., 0], y - amount * field[..., 1])
        return cv2.remap(image, *shifted, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(
            np.float32
        )

    shares = np.linspace(0.0, 1.0, num_frames, dtype=np.float32)  # OpenCV maps must be float32
    mixed = [(1 - u) * warp(first_HWC, forward, u) + u * warp(last_HWC, backward, 1 - u) for u in shares]
    return np.stack(mixed).round().astype(np.uint8)


def cross_faded(first_HWC: np.ndarray, last_HWC: np.ndarray, num_frames: int) -> np.ndarray:
    share = np.linspace(0.0, 1.0, num_frames, dtype=np.float32)[:, None, None, None]
    return (first_HWC * (1 - share) + last_HWC * share).round().astype(np.uint8)


def nearest_held(first_HWC: np.ndarray, last_HWC: np.ndarray, num_frames: int) -> np.ndarray:
    return np.stack([first_HWC if 2 * f < num_frames else last_HWC for f in range(num_frames)])


BASELINES = {"held": nearest_held, "cross_fade": cross_faded, "dis_flow": warped_between}
