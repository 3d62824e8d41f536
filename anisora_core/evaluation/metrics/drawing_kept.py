"""Whether a clip keeps the drawing that it begins with, and moves it: figures for one clip.

Each frame is compared with the drawing itself, deformed along the smooth flow between the two (`smooth_flow`): a drawing that bends and
turns is kept, one that falls to pieces is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fidelity import SquaredError, squared_error
from .smooth_flow import (
    SMOOTHNESS,
    SmoothFlow,
    affine_flow,
    grown,
    local_motion,
    luma,
    seen,
    smooth_flows,
    strain,
    structure,
    warped_along,
)

#: Of the pixels of a frame for `strain`, and of the frames of a clip for `strain` and, from below, `sharpness`: a clip is as good as its worst
#: frames, less one in twenty.
WORST = 0.95


@dataclass(frozen=True)
class RegionFigures:
    """Of the whole picture, or of a face. `still`: the drawing through the VAE, as one frame; `frames`: all of the clip, each against the drawing
    deformed along its flow. `strain`: logarithmic, 0 is rigid. `sharpness`: gradient energy by that of `still`, 1 is as sharp.
    """

    still: SquaredError
    frames: SquaredError
    strain: float
    sharpness: float

    @property
    def kept_gap_db(self) -> float:
        """How far the frames' PSNR lies below the still's."""
        return self.still.psnr - self.frames.psnr


@dataclass(frozen=True)
class KeptFigures:
    """Of one clip. `motion_px`: `local_motion`, in pixels of a picture whose shorter side is 128; `face`: None without a box."""

    whole: RegionFigures
    face: RegionFigures | None
    motion_px: float


@dataclass(frozen=True)
class _Frame:
    """What is known of one frame: its flow to the still, that without the camera, its strain, what it shows of the drawing."""

    picture_HWC: np.ndarray
    flow_HW2: np.ndarray
    local_HW2: np.ndarray
    strain_HW: np.ndarray
    weight_HW: np.ndarray
    seen_HW: np.ndarray
    expected_HWC: np.ndarray


def drawing_kept(
    frames_FHWC: np.ndarray,
    drawing_HWC: np.ndarray,
    still_HWC: np.ndarray,
    face_HW: np.ndarray | None = None,
) -> KeptFigures:
    """Of a clip that begins with `drawing`; all uint8 RGB of one size. `still`: the drawing through the VAE; `face`: bool, where a face is in it.

    Flow is measured to `still`, which has the clip's blur; fidelity to `drawing`, which has none.
    """
    flows = smooth_flows(frames_FHWC, still_HWC)
    frames = [_measured(frame, flow, drawing_HWC) for frame, flow in zip(frames_FHWC, flows, strict=True)]
    everywhere = np.ones(drawing_HWC.shape[:2], bool)
    return KeptFigures(
        whole=_region(frames, drawing_HWC, still_HWC, everywhere),
        face=None if face_HW is None else _region(frames, drawing_HWC, still_HWC, face_HW),
        motion_px=local_motion(np.stack([frame.local_HW2 for frame in frames]), structure(drawing_HWC)),
    )


def _measured(frame_HWC: np.ndarray, flow: SmoothFlow, drawing_HWC: np.ndarray) -> _Frame:
    # What a pan or zoom brings in has no flow to the drawing, and spoils that of its neighbours: the camera's says where it is.
    outside = ~seen(affine_flow(flow.camera, drawing_HWC.shape[:2]))
    inside = seen(flow.flow_HW2) & ~grown(outside, 2.0 * SMOOTHNESS)
    return _Frame(
        picture_HWC=frame_HWC,
        flow_HW2=flow.flow_HW2,
        local_HW2=flow.local_HW2 * inside[..., None],
        strain_HW=strain(flow),
        weight_HW=structure(frame_HWC) * inside,
        seen_HW=inside,
        expected_HWC=warped_along(drawing_HWC, flow.flow_HW2, sharp=True),
    )


def _region(
    frames: list[_Frame], drawing_HWC: np.ndarray, still_HWC: np.ndarray, region_HW: np.ndarray
) -> RegionFigures:
    """Over the pixels that show this region of the drawing, wherever they have moved to."""
    energy_HW = _gradient_energy(still_HWC)
    error, strains, sharpnesses = SquaredError(), list[float](), list[float]()
    for frame in frames:
        where = frame.seen_HW & (warped_along(region_HW.astype(np.float32), frame.flow_HW2) > 0.5)
        error += squared_error(frame.picture_HWC, frame.expected_HWC, where)
        strains.append(weighted_quantile(frame.strain_HW[where], frame.weight_HW[where], WORST))
        expected = float(warped_along(energy_HW, frame.flow_HW2)[where].sum())
        found = float(_gradient_energy(frame.picture_HWC)[where].sum())
        sharpnesses.append(found / expected if expected > 0 else 0.0)
    return RegionFigures(
        still=squared_error(still_HWC, drawing_HWC, region_HW),
        frames=error,
        strain=float(np.quantile(strains, WORST)),
        sharpness=float(np.quantile(sharpnesses, 1.0 - WORST)),
    )


def weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The smallest value with at least this share of the weight at or below it; 0 for no weight."""
    total = float(weights.sum())
    if total < 1e-6:
        return 0.0
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][min(len(order) - 1, int(np.searchsorted(below, share * below[-1])))])


def _gradient_energy(picture_HWC: np.ndarray) -> np.ndarray:
    """float32 HW: squared differences to the neighbours on the right and below."""
    grey = luma(picture_HWC)
    across, down = np.diff(grey, axis=1, append=grey[:, -1:]), np.diff(grey, axis=0, append=grey[-1:])
    return across**2 + down**2
