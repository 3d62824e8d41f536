"""Whether a clip stays as it began where nothing moves: flicker, drift of colours and details, and whether lines stay.

Frames are uint8 RGB, FHWC. Where no region is given, the pixels that never move are found by `still_pixels`.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.ndimage import binary_dilation

from ...media.optical_flow import opencv, optical_flow
from .fidelity import MOST_PSNR, squared_error
from .motion_amount import moving_pixels
from .seams import step_sizes
from .smooth_flow import luma, units, warped_along
from .style_distance import lab

#: Cells a side in which colours are compared: wide enough that noise and blur average out.
_CELLS = 8


def still_pixels(frames_FHWC: np.ndarray, *, margin: int = 3) -> np.ndarray:
    """bool HW: pixels that move in no frame, and are not within `margin` pixels of any that does (`motion_amount.moving_pixels`)."""
    moving = moving_pixels(frames_FHWC).any(0)
    return np.logical_not(binary_dilation(moving, iterations=margin))


def flicker(frames_FHWC: np.ndarray, still_HW: np.ndarray | None = None) -> np.ndarray:
    """float64 [F - 2], grey levels of 0..255: how far brightness goes to and fro from frame to frame in pixels that do not move.

    A quarter of the second difference over time, |x[f - 1] - 2 x[f] + x[f + 1]| / 4: brightness that alternates by +a and -a gives a, one that rises or falls
    evenly gives 0. NaN where nothing is still.
    """
    still = still_pixels(frames_FHWC) if still_HW is None else still_HW
    grey = np.stack([luma(frame)[still] for frame in frames_FHWC])
    if not still.any():
        return np.full(max(0, len(frames_FHWC) - 2), np.nan)
    return (np.abs(np.diff(grey, n=2, axis=0)) / 4).mean(1, dtype=np.float64)


def temporal_flickering(frames_FHWC: np.ndarray) -> float:
    """0..1, 1 is none: (255 - mean absolute difference of neighbouring frames) / 255 (VBench, Huang et al. 2024: temporal flickering). It takes all
    change for flicker, so it is meant for scenes without motion; `flicker` is not."""
    steps = step_sizes(frames_FHWC)
    return float(1.0 - steps.mean() / 255.0) if len(steps) else float("nan")


def colour_drift(frames_FHWC: np.ndarray, drawing_HWC: np.ndarray, still_HW: np.ndarray) -> np.ndarray:
    """float64 [F]: colour difference CIE 1976 (Lab, D65) of each frame from the drawing, over the pixels that are still.

    Mean colours of 8 x 8 cells are compared, weighted by their still pixels, so that noise and blur do not count. NaN where nothing is still.
    """
    rows, columns = (np.linspace(0, side, _CELLS + 1).astype(int)[:-1] for side in still_HW.shape)
    weight = still_HW.astype(np.float64)

    def cells(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)

    counts = cells(weight)
    if not still_HW.any():
        return np.full(len(frames_FHWC), np.nan)
    used = counts > 0
    expected = cells(lab(drawing_HWC) * weight[..., None])[used] / counts[used][:, None]
    drifts = [
        np.linalg.norm(cells(lab(frame) * weight[..., None])[used] / counts[used][:, None] - expected, axis=1)
        for frame in frames_FHWC
    ]
    return np.array([np.average(drift, weights=counts[used]) for drift in drifts])


def static_shift(frames_FHWC: np.ndarray, drawing_HWC: np.ndarray, still_HW: np.ndarray) -> np.ndarray:
    """float64 [F]: mean absolute difference from the drawing of the pixels that are still, in levels of 0..255; NaN where nothing is."""
    if not still_HW.any():
        return np.full(len(frames_FHWC), np.nan)
    expected = drawing_HWC[still_HW].astype(np.float64)
    return np.array([np.abs(frame[still_HW] - expected).mean() for frame in frames_FHWC])


def static_psnr(frames_FHWC: np.ndarray, drawing_HWC: np.ndarray, still_HW: np.ndarray) -> np.ndarray:
    """float64 [F], dB: PSNR to the drawing over the pixels that are still, at most `MOST_PSNR`; NaN where nothing is."""
    found = [squared_error(frame, drawing_HWC, still_HW).psnr for frame in frames_FHWC]
    return np.minimum(found, MOST_PSNR)


def detail_kept(frames_FHWC: np.ndarray, drawing_HWC: np.ndarray, still_HW: np.ndarray) -> np.ndarray:
    """float64 [F]: energy of the Laplacian over the pixels that are still, by that of the drawing: 1 is as sharp, less is blurred. NaN where there is none."""
    cv2 = opencv()

    def energy(picture: np.ndarray) -> float:
        return float(np.square(cv2.Laplacian(luma(picture), cv2.CV_32F)[still_HW], dtype=np.float64).sum())

    expected = energy(drawing_HWC)
    found = np.array([energy(frame) for frame in frames_FHWC])
    return found / expected if expected > 0 else np.full(len(found), np.nan)


def line_map(picture_HWC: np.ndarray) -> np.ndarray:
    """float32 HW, 0..255: how much darker a pixel is than what closes over it, which finds dark lines of up to about 1/25 of the shorter side: the black
    top-hat (Serra 1982) of the grey picture."""
    cv2 = opencv()
    side = 2 * max(1, round(2.5 * units(picture_HWC))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.morphologyEx(luma(picture_HWC), cv2.MORPH_BLACKHAT, kernel)


def line_stability(frames_FHWC: np.ndarray) -> np.ndarray:
    """float64 [F - 1], 0..1: how much of the lines of two neighbouring frames is in both, once the later one is moved back along optical flow.

    The weighted Jaccard index of their `line_map`s: the sum of the smaller values over that of the larger ones. 1: every line stays; 0: none does. Lines that come
    and go lower it, lines that move do not. NaN where there are no lines.
    """
    found: list[float] = []
    for before, after in itertools.pairwise(frames_FHWC):
        flow = optical_flow(before, after)
        lines, back = line_map(before), np.maximum(warped_along(line_map(after), flow), 0.0)
        either = float(np.maximum(lines, back).sum(dtype=np.float64))
        found.append(
            float(np.minimum(lines, back).sum(dtype=np.float64)) / either if either > 0 else float("nan")
        )
    return np.array(found)
