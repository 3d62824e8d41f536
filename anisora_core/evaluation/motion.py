"""Motion measured with optical flow, and what in-betweening costs nothing to beat."""

from __future__ import annotations

import itertools

import numpy as np

from ..media.optical_flow import optical_flow, warped


def speed(frames_FHWC: np.ndarray) -> np.ndarray:
    """Pixels per frame, [F - 1, H, W]."""
    return np.stack(
        [np.hypot(*np.moveaxis(optical_flow(a, b), 2, 0)) for a, b in itertools.pairwise(frames_FHWC)]
    )


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
    """In-betweening by flow: both ends carried along theirs and mixed by distance; FHWC with the ends included."""
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
