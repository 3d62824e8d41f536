"""What a report card measures of one clip: each measure with its unit, its direction, what it needs and its published definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...data.motion_score import motion_score
from ...media.resize import resized_pixels
from ..metrics.cadence import drawing_rate, hold_lengths
from ..metrics.cadence import held_frames as held_of
from ..metrics.drawing_kept import drawing_kept
from ..metrics.drawn_faces import can_find_faces, faces_kept, find_faces
from ..metrics.fidelity import frame_psnr, l1, ssim
from ..metrics.mask_precision import precision, recall
from ..metrics.motion_amount import moving_pixels, speed
from ..metrics.seams import loop_seam, motion_smoothness, step_sizes
from ..metrics.steadiness import (
    colour_drift,
    detail_kept,
    flicker,
    line_stability,
    static_psnr,
    temporal_flickering,
)
from .subject import Subject, shrunk

Better = Literal["higher", "lower", "neither"]
Need = Literal["nothing", "truth", "area", "truth and area", "keyframes", "3 frames"]


@dataclass(frozen=True)
class Reading:
    """Of one clip. `curve`: a value for each frame (or pair of frames) that `value` sums up, None where there is none."""

    value: float
    curve: np.ndarray | None = None


@dataclass(frozen=True)
class Measure:
    """`measure`: Subject -> Reading, called when the subject has what it `needs`. `missing`: the reason why it cannot be measured at all, "" if it can."""

    title: str
    unit: str
    better: Better
    needs: Need
    definition: str
    measure: Callable[[Subject], Reading]
    missing: Callable[[], str] = lambda: ""


def lacks(subject: Subject, need: Need) -> bool:
    """Whether a clip has not what a measure needs. Two frames are needed by all."""
    has: Mapping[str, bool] = {
        "nothing": len(subject.frames_FHWC) >= 2,
        "3 frames": len(subject.frames_FHWC) >= 3,
        "truth": subject.truth_FHWC is not None,
        "area": subject.area_HW is not None and len(subject.frames_FHWC) >= 2,
        "keyframes": bool(subject.keyframes),
    }
    return not all(has[part] for part in need.split(" and "))


def _psnr(subject: Subject) -> Reading:
    assert subject.truth_FHWC is not None
    curve = frame_psnr(subject.frames_FHWC, subject.truth_FHWC)
    return Reading(float(curve.mean()), curve)


def _each_frame(likeness: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[Subject], Reading]:
    """Of each frame and the true one, and their mean."""

    def measured(subject: Subject) -> Reading:
        assert subject.truth_FHWC is not None
        pairs = zip(subject.frames_FHWC, subject.truth_FHWC, strict=True)
        curve = np.array([likeness(made, true) for made, true in pairs])
        return Reading(float(curve.mean()), curve)

    return measured


def _area(subject: Subject) -> np.ndarray:
    assert subject.area_HW is not None
    return resized_pixels(subject.area_HW.astype(np.uint8) * 255, subject.small_FHWC.shape[1:3]) > 127


def _precision(subject: Subject) -> Reading:
    area = _area(subject)
    curve = np.array([precision(moving, area) for moving in subject.moving_FHW])
    return Reading(precision(subject.moving_FHW, area), curve)


def _recall(subject: Subject) -> Reading:
    assert subject.truth_FHWC is not None
    truth = moving_pixels(shrunk(subject.truth_FHWC, min(subject.small_FHWC.shape[1:3])))
    return Reading(recall(subject.moving_FHW, truth, _area(subject)))


def _keyframes(subject: Subject) -> Reading:
    at = sorted(subject.keyframes)
    drawn = np.stack([subject.keyframes[frame] for frame in at])
    return Reading(float(frame_psnr(subject.frames_FHWC[at], drawn).mean()))


def _motion(subject: Subject) -> Reading:
    heights = speed(subject.small_FHWC).mean((1, 2)) / subject.small_FHWC.shape[1] * subject.fps
    return Reading(motion_score(float(heights.mean())), np.array([motion_score(float(h)) for h in heights]))


def _smoothness(subject: Subject) -> Reading:
    drawings = subject.small_FHWC[np.concatenate([[True], ~held_of(subject.small_FHWC)])]
    if len(drawings) < 3:
        return Reading(float("nan"))
    curve = motion_smoothness(drawings)
    return Reading(float(curve.mean()), curve if len(drawings) == len(subject.frames_FHWC) else None)


def _drawing_rate(subject: Subject) -> Reading:
    return Reading(drawing_rate(subject.held, subject.fps))


def _longest_hold(subject: Subject) -> Reading:
    return Reading(float(hold_lengths(subject.held).max()) / subject.fps)


def _flicker(subject: Subject) -> Reading:
    curve = flicker(subject.small_FHWC, subject.still_HW)
    return Reading(float(curve.mean()), curve)


def _temporal_flickering(subject: Subject) -> Reading:
    return Reading(temporal_flickering(subject.frames_FHWC), 1.0 - step_sizes(subject.frames_FHWC) / 255.0)


def _colour_drift(subject: Subject) -> Reading:
    curve = colour_drift(subject.small_FHWC, subject.small_drawing_HWC, subject.still_HW)
    return Reading(float(curve[-(len(curve) // 4 or 1) :].mean()), curve)


def _static_psnr(subject: Subject) -> Reading:
    curve = static_psnr(subject.small_FHWC, subject.small_drawing_HWC, subject.still_HW)
    return Reading(float(curve[1:].mean()), curve)


def _detail(subject: Subject) -> Reading:
    curve = detail_kept(subject.small_FHWC, subject.small_drawing_HWC, subject.still_HW)
    return Reading(float(curve[-(len(curve) // 4 or 1) :].mean()), curve)


def _lines(subject: Subject) -> Reading:
    curve = line_stability(subject.small_FHWC)
    return Reading(float(np.nanmean(curve)) if np.isfinite(curve).any() else float("nan"), curve)


def _loop(subject: Subject) -> Reading:
    return Reading(loop_seam(subject.frames_FHWC))


def _strain(subject: Subject) -> Reading:
    kept = drawing_kept(subject.small_FHWC, subject.small_drawing_HWC, subject.small_drawing_HWC)
    return Reading(kept.whole.strain)


def _faces(subject: Subject) -> Reading:
    every = max(1, len(subject.frames_FHWC) // 16)  # animeface takes about a second a frame
    curve = faces_kept([find_faces(frame) for frame in subject.frames_FHWC[::every]])
    return Reading(float(curve[1:].mean()) if len(curve) > 1 else float("nan"))


def _no_faces() -> str:
    return "" if can_find_faces() else "needs animeface; install the extra `evaluate`"


#: Name in JSON -> measure. The order is that of the tables.
MEASURES: dict[str, Measure] = {
    "psnr": Measure("PSNR", "dB", "higher", "truth", "Peak signal-to-noise ratio to the true frame, mean over frames (Hore and Ziou 2010).", _psnr),
    "ssim": Measure("SSIM", "", "higher", "truth", "Structural similarity to the true frame, mean over frames (Wang et al. 2004).", _each_frame(ssim)),
    "l1": Measure("L1", "", "lower", "truth", "Mean absolute error to the true frame, colours in 0..1 (MagicAnime, Table II).", _each_frame(l1)),
    "mask_precision": Measure("motion-mask precision", "", "higher", "area", "Share of the moving pixels inside the motion area (AniSora, Table 3).", _precision),
    "mask_recall": Measure("motion-mask recall", "", "higher", "truth and area", "Moving pixels inside the motion area by those of the true clip, at most 1.", _recall),
    "keyframe_psnr": Measure("keyframe fidelity", "dB", "higher", "keyframes", "PSNR of the frames that were given as drawings, to the drawings.", _keyframes),
    "motion_score": Measure("motion score", "", "neither", "nothing", "Amount of motion on the scale of AniSora's prompts, from the mean speed of optical flow in frame heights per second.", _motion),
    "motion_smoothness": Measure("motion smoothness", "", "higher", "3 frames", "How well each drawing is foretold by its neighbours, held frames left out (VBench's definition with DIS optical flow).", _smoothness),
    "drawing_rate": Measure("drawings per second", "1/s", "neither", "nothing", "True drawing rate: the frame rate by the mean number of frames for which a drawing is held.", _drawing_rate),
    "longest_hold": Measure("longest held drawing", "s", "neither", "nothing", "For how long the longest held drawing is shown.", _longest_hold),
    "flicker": Measure("flicker", "levels", "lower", "3 frames", "Amplitude, in levels of 0..255, by which brightness goes to and fro where nothing moves.", _flicker),
    "temporal_flickering": Measure("temporal flickering", "", "higher", "nothing", "(255 - mean absolute difference of neighbouring frames) / 255 (VBench); for scenes without motion.", _temporal_flickering),
    "colour_drift": Measure("colour drift", "ΔE", "lower", "nothing", "CIE 1976 colour difference from the first drawing where nothing moves, mean over the last quarter.", _colour_drift),
    "static_psnr": Measure("static area", "dB", "higher", "nothing", "PSNR to the first drawing where nothing moves, mean over frames.", _static_psnr),
    "detail_kept": Measure("detail kept", "", "neither", "nothing", "Energy of the Laplacian where nothing moves by that of the first drawing, mean over the last quarter; 1 is as sharp.", _detail),
    "line_stability": Measure("line stability", "", "higher", "nothing", "Weighted Jaccard index of the dark lines of neighbouring frames along optical flow; 1 when none comes or goes.", _lines),
    "strain": Measure("strain of the drawing", "", "lower", "nothing", "Logarithmic stretch of the first drawing in the worst frames, without the camera (Hencky 1928); 0 is rigid.", _strain),
    "faces_kept": Measure("faces kept", "", "higher", "nothing", "Share of the faces of the first frame that animeface still finds in later frames.", _faces, _no_faces),
    "loop_seam": Measure("loop seam", "x", "neither", "nothing", "Change from the last frame to the first by the median change between neighbours; 1 is a perfect loop.", _loop),
}  # fmt: skip
