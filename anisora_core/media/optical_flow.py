"""Pictures warped along OpenCV's DIS optical flow (Kroeger et al. 2016, arXiv 1603.03590)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise ValueError(
            "optical flow needs OpenCV; install requirements.txt (opencv-python-headless)"
        ) from None
    return cv2


def optical_flow(before_HWC: np.ndarray, after_HWC: np.ndarray) -> np.ndarray:
    """Motion in pixels, HW2 (x, y), from `before` to `after`, both uint8 RGB."""
    cv2 = opencv()
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2GRAY) for f in (before_HWC, after_HWC)]
    return dis.calc(*grey, None)


def warped(
    first_HWC: np.ndarray, last_HWC: np.ndarray, shares: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Both uint8 pictures at these shares (0..1) of the way from `first` to `last`; float32 NHWC, 0..255.

    Each is pulled along its own flow to the other, so that holes never open; a mix of the two is an in-between.
    """
    cv2 = opencv()
    height, width = first_HWC.shape[:2]
    here = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)

    def pulled(image: np.ndarray, field: np.ndarray, amounts: Sequence[float]) -> np.ndarray:
        exact = image.astype(np.float32)
        looks = (here - field * np.float32(amount) for amount in amounts)  # OpenCV's maps must be float32
        rows = [
            cv2.remap(exact, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for look in looks
        ]
        return np.stack(rows)

    from_first = pulled(first_HWC, optical_flow(first_HWC, last_HWC), shares)
    return from_first, pulled(last_HWC, optical_flow(last_HWC, first_HWC), [1.0 - share for share in shares])
