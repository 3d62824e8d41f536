"""How a long clip of a still camera drifts from its drawing, part by part. Frames are uint8 RGB, FHWC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fidelity import squared_error
from .seams import step_sizes
from .steadiness import detail_kept


@dataclass(frozen=True)
class PartDrift:
    """Of one part of a clip, against the drawing.

    `static_psnr`: dB over the pixels that never move, pooled over frames. `colour`: how far their mean red, green and blue are off, averaged,
    in levels of 0..255. `detail`: amplitude of the Laplacian over the whole picture by the drawing's; 1 is as sharp. `motion`: mean change
    between neighbouring frames over the whole picture, in levels.
    """

    static_psnr: float
    colour: float
    detail: float
    motion: float


def drift_of_parts(
    frames_FHWC: np.ndarray, drawing_HWC: np.ndarray, still_HW: np.ndarray, parts: int
) -> list[PartDrift]:
    """The clip cut into `parts` of equal length, but for rounding. `still_HW`: bool, pixels that do not move in the true clip."""
    return [part_drift(part, drawing_HWC, still_HW) for part in np.array_split(frames_FHWC, parts)]


def part_drift(frames_FHWC: np.ndarray, drawing_HWC: np.ndarray, still_HW: np.ndarray) -> PartDrift:
    expected = np.broadcast_to(drawing_HWC, frames_FHWC.shape)
    where = np.broadcast_to(still_HW, frames_FHWC.shape[:3])
    shift = frames_FHWC[where].mean(0, dtype=np.float64) - drawing_HWC[still_HW].mean(0, dtype=np.float64)
    return PartDrift(
        static_psnr=squared_error(frames_FHWC, expected, where).psnr,
        colour=float(np.abs(shift).mean()),
        detail=float(np.sqrt(detail_kept(frames_FHWC, drawing_HWC, np.ones_like(still_HW)).mean())),
        motion=float(step_sizes(frames_FHWC).mean()),
    )


def joint_changes(frames_FHWC: np.ndarray, joints: Sequence[int]) -> list[float]:
    """The change into each frame of `joints` by the median change between neighbours of the whole clip: 1 is a step like any other."""
    steps = step_sizes(frames_FHWC)
    return [float(steps[joint - 1] / np.median(steps)) for joint in joints]
