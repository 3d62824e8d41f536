"""Whether motion stays inside the area that may move. `moving` is bool [F - 1, H, W], from `motion_amount.moving_pixels`."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation


def area_around(moving_FHW: np.ndarray, margin: int = 4) -> np.ndarray:
    """bool HW: whatever moves in any frame, and `margin` pixels around it."""
    return np.asarray(binary_dilation(moving_FHW.any(0), iterations=margin))


def precision(moving: np.ndarray, area_HW: np.ndarray) -> float:
    """Share of the moving pixels inside the area (AniSora paper, section 5: motion-mask precision); NaN when none move."""
    return float((moving & area_HW).sum() / moving.sum()) if moving.any() else float("nan")


def recall(moving: np.ndarray, truth: np.ndarray, area_HW: np.ndarray) -> float:
    """How much moves inside the area, by how much does in the true clip; at most 1."""
    return float(min(1.0, moving[:, area_HW].sum() / max(1, truth[:, area_HW].sum())))
