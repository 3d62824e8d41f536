"""Motion of a drawing as one smooth deformation, and what can be read from it: local motion and strain.

Flow here goes from a frame to the still drawing, HW2 (x, y) in pixels: the frame at `p` shows what the drawing has at `p + flow[p]`.
Lengths in these functions scale with the picture: a unit is 1/128 of its shorter side, so that figures of two sizes compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...media.optical_flow import opencv, optical_flow

#: Standard deviation, in units, of the Gaussian that smooths the flow. What moves within two or three of it moves together: enough for bending hair and
#: nodding heads, too little to assemble a face from pieces of other places.
SMOOTHNESS = 4.0
#: Rounds of estimating what the smooth flow has not explained yet. Smoothing each round's rest, not the sum, loses little of the amplitude: of a wave
#: of 64 units 7 % remain unexplained after one round and less than 0.1 % after three.
_ROUNDS = 3
#: Gradient, in grey levels (0..255) per unit, at which a pixel counts as half structured.
_GRADIENT = 10.0
#: Where less than this share of the neighbourhood is structured, flow fades to zero: on white paper nothing can be seen to move, and optical flow
#: finds motion of more than a pixel there in a still.
_LEAST_STRUCTURE = 0.05
#: The strain of what is folded over, and the largest there is: stretched or squeezed to the eightfold.
_LARGEST_STRAIN = float(np.log(8.0))


def units(picture: np.ndarray) -> float:
    """Pixels of a unit, for HW or HWC."""
    return min(picture.shape[:2]) / 128.0


@dataclass(frozen=True)
class SmoothFlow:
    """`flow_HW2`: float32, of a frame; `camera`: its affine part, float64 [3, 2] (constant, share of x, share of y), as `camera_of` finds it."""

    flow_HW2: np.ndarray
    camera: np.ndarray

    @property
    def local_HW2(self) -> np.ndarray:
        """float32: without the camera."""
        return self.flow_HW2 - affine_flow(self.camera, self.flow_HW2.shape[:2])


def smooth_flows(frames_FHWC: np.ndarray, still_HWC: np.ndarray) -> list[SmoothFlow]:
    """From each frame of a clip to `still`, all uint8 RGB.

    Each is looked for from rest and, once the camera has gone far, from where it was in the frame before; what explains the frame better is taken. Only the
    camera is handed on: with all of the flow, smoothing would wear off from frame to frame, and pieces would be explained.
    """
    size = still_HWC.shape[:2]
    found: list[SmoothFlow] = []
    for frame in frames_FHWC:
        starts = [np.zeros((*size, 2), np.float32), *(affine_flow(last.camera, size) for last in found[-1:])]
        far = np.abs(starts[-1]).max() > SMOOTHNESS * units(still_HWC)
        tried = [smooth_flow(frame, still_HWC, start) for start in (starts if far else starts[:1])]
        best = min(tried, key=lambda flow: _unexplained(frame, still_HWC, flow))
        found.append(SmoothFlow(best, camera_of(best, structure(frame) * seen(best))))
    return found


def smooth_flow(frame_HWC: np.ndarray, still_HWC: np.ndarray, start_HW2: np.ndarray) -> np.ndarray:
    """float32 HW2 from `frame` to `still`, from `start` on: DIS optical flow, averaged over the structured pixels around each."""
    sigma = SMOOTHNESS * units(frame_HWC)
    weight_HW1 = structure(frame_HWC)[..., None]
    around_HW1 = np.maximum(_blurred(weight_HW1, sigma), _LEAST_STRUCTURE)
    flow = start_HW2
    for _ in range(_ROUNDS):
        rest = optical_flow(frame_HWC, warped_along(still_HWC, flow))
        whole = rest + warped_along(flow, rest)
        flow = flow + _blurred((whole - flow) * weight_HW1, sigma) / around_HW1
    return flow


def _unexplained(frame_HWC: np.ndarray, still_HWC: np.ndarray, flow_HW2: np.ndarray) -> float:
    return float(np.abs(warped_along(still_HWC, flow_HW2).astype(np.float32) - frame_HWC).mean())


def structure(picture_HWC: np.ndarray) -> np.ndarray:
    """float32 HW, 0..1: how far a motion of this pixel could be seen, from 0 in flat colour to 1 at clear lines. uint8 RGB."""
    unit = units(picture_HWC)
    grey = _blurred(luma(picture_HWC), unit)
    squared = (np.gradient(grey, axis=0) ** 2 + np.gradient(grey, axis=1) ** 2) * unit**2
    return (squared / (squared + _GRADIENT**2)).astype(np.float32)


def luma(picture_HWC: np.ndarray) -> np.ndarray:
    """float32 HW, 0..255 (ITU-R BT.601)."""
    return picture_HWC.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def warped_along(picture: np.ndarray, flow_HW2: np.ndarray, *, sharp: bool = False) -> np.ndarray:
    """`picture` (HW or HWC) at `p + flow[p]`, bilinear or, with `sharp`, bicubic; its border goes on outside."""
    cv2 = opencv()
    look = _places(flow_HW2) + flow_HW2.astype(np.float32)
    method = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    return cv2.remap(picture, look, None, method, borderMode=cv2.BORDER_REPLICATE)


def seen(flow_HW2: np.ndarray) -> np.ndarray:
    """bool HW: pixels that show a place inside the drawing. What a camera brings in from outside is not the drawing's."""
    height, width = flow_HW2.shape[:2]
    x, y = np.moveaxis(_places(flow_HW2) + flow_HW2, 2, 0)
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


def grown(where_HW: np.ndarray, margin: float) -> np.ndarray:
    """The bool mask and what lies within `margin` units of it, along rows and columns."""
    side = 2 * round(margin * units(where_HW)) + 1
    return opencv().dilate(where_HW.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def camera_of(flow_HW2: np.ndarray, weight_HW: np.ndarray) -> np.ndarray:
    """float64 [3, 2]: the affine motion (constant, share of x, share of y) with the least weighted mean distance to the flow.

    Distances, not squares: a figure that moves before a still background leaves the camera still. Iteratively reweighted least squares;
    zeros where nothing has weight.
    """
    step = max(1, round(2 * units(flow_HW2)))  # a quarter of the pixels tells six numbers as well
    x, y = np.moveaxis(_places(flow_HW2)[::step, ::step], 2, 0)
    columns = np.stack([np.ones(x.size), x.ravel(), y.ravel()], axis=1)
    values = flow_HW2[::step, ::step].reshape(-1, 2).astype(np.float64)
    given = weight_HW[::step, ::step].ravel().astype(np.float64)
    motion = np.zeros((3, 2))
    if given.sum() < 1e-6:
        return motion
    weight = given
    for _ in range(15):
        motion = np.linalg.lstsq((columns.T * weight) @ columns, (columns.T * weight) @ values, rcond=None)[0]
        weight = given / np.maximum(np.hypot(*(values - columns @ motion).T), 0.05)
    return motion


def affine_flow(motion: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """float32 HW2 of the affine `motion` of `camera_of`, for a picture of `size`: height, width."""
    places = _places(np.empty(size))
    return (motion[0] + places @ motion[1:]).astype(np.float32)


def local_motion(flows_FHW2: np.ndarray, weight_HW: np.ndarray) -> float:
    """Weighted mean distance, in units, between the places of a point in two frames of a clip, over all pairs of frames; 0 for no weight.

    `flows`: without the camera. No frame is special, so a loop that returns to rest counts as much as one that does not begin at rest, a jump into
    another pose that is then held counts next to nothing. A sway of amplitude 1 gives 0.81; a steady drift by 1 gives 0.33.
    """
    frames, total = len(flows_FHW2), float(weight_HW.sum())
    if frames < 2 or total < 1e-6:
        return 0.0
    apart = np.zeros(weight_HW.shape)
    for lag in range(1, frames):
        apart += np.hypot(*np.moveaxis(flows_FHW2[lag:] - flows_FHW2[:-lag], 3, 0)).sum(0)
    pairs = frames * (frames - 1) / 2
    return float((apart * weight_HW).sum()) / total / pairs / units(weight_HW)


def strain(flow: SmoothFlow) -> np.ndarray:
    """float HW, 0 or more: the largest local stretch or squeeze in any direction, as a natural logarithm; the camera's share taken out.

    From the singular values of the deformation gradient (Hencky's logarithmic strain): 0.1 is a tenth longer or shorter, or sheared by 0.2;
    turning is no strain. At most that of the eightfold, also where the picture folds over.
    """
    by_y, by_x = (np.gradient(flow.flow_HW2, axis=axis) for axis in (0, 1))
    whole = np.stack([by_x, by_y], axis=-1) + np.eye(2)
    (a, b), (c, d) = np.moveaxis(whole @ np.linalg.pinv(np.eye(2) + flow.camera[1:].T), (2, 3), (0, 1))
    middle, half = np.hypot((a + d) / 2, (c - b) / 2), np.hypot((a - d) / 2, (c + b) / 2)
    longest, shortest = middle + half, np.maximum(middle - half, np.exp(-_LARGEST_STRAIN))
    return np.minimum(np.maximum(np.log(longest), -np.log(shortest)), _LARGEST_STRAIN)


def _places(field: np.ndarray) -> np.ndarray:
    height, width = field.shape[:2]
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


def _blurred(field: np.ndarray, sigma: float) -> np.ndarray:
    cv2 = opencv()
    done = cv2.GaussianBlur(field.astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return done.reshape(field.shape)
