"""Whether a clip goes on without a jump: at a joint of two parts, or from its end to its beginning. Frames are uint8, FHWC."""

from __future__ import annotations

import itertools

import numpy as np

from ...media.optical_flow import warped


def step_sizes(frames_FHWC: np.ndarray) -> np.ndarray:
    """float64 [F - 1]: mean absolute difference of each frame from the one before, in levels of 0..255."""
    return np.array([_step(before, after) for before, after in itertools.pairwise(frames_FHWC)])


def seam(frames_FHWC: np.ndarray, joint: int) -> float:
    """The change from frame `joint` - 1 to `joint` by the median change between neighbours elsewhere: 1 is no seam, more is a jump."""
    steps = step_sizes(frames_FHWC)
    return _ratio(float(steps[joint - 1]), np.delete(steps, joint - 1))


def loop_seam(frames_FHWC: np.ndarray) -> float:
    """The change from the last frame back to the first by the median change between neighbours: 1 is a perfect loop, 0 one whose last frame repeats
    the first, more than 1 a jump; 0 for a still, infinite for a still that jumps."""
    return _ratio(_step(frames_FHWC[-1], frames_FHWC[0]), step_sizes(frames_FHWC))


def motion_smoothness(frames_FHWC: np.ndarray) -> np.ndarray:
    """float64 [F - 2], 0..1: how well each frame is foretold by its two neighbours: 1 - mean absolute error / 255 of the picture halfway between them.

    VBench's motion smoothness (Huang et al. 2024) with OpenCV's DIS flow in place of the network AMT, and for every frame instead of every other one. Drop
    held frames first (`cadence.held_frames`): a drawing on twos is not foretold by its neighbours.
    """
    found: list[float] = []
    for before, middle, after in zip(frames_FHWC, frames_FHWC[1:], frames_FHWC[2:], strict=False):
        from_first, from_last = warped(before, after, [0.5])
        halfway = (from_first[0] + from_last[0]) / 2
        found.append(1.0 - float(np.abs(halfway - middle.astype(np.float32)).mean()) / 255.0)
    return np.array(found)


def _step(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.abs(before.astype(np.int16) - after.astype(np.int16)).mean())


def _ratio(change: float, others: np.ndarray) -> float:
    usual = float(np.median(others)) if len(others) else 0.0
    if usual == 0.0:
        return 0.0 if change == 0.0 else float("inf")
    return change / usual
