"""Clips of a drawing whose motion is known: the ceiling of what a model can be asked for, and ways to fail. For calibrating `metrics.drawing_kept`.

Independent of the renderer that training uses, and about as large as what is asked of a model, since strain grows with motion. Flow is FHW2 as in `metrics.smooth_flow`: a frame at `p` shows the drawing at `p + flow[p]`;
lengths are in units of 1/128 of the shorter side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...media.optical_flow import opencv
from ...media.resize import Size
from ..metrics.smooth_flow import warped_along
from .held_out_drawings import HeldOutDrawing

#: Flow of a clip of `frames` frames: (frames, size, face mask or None, random generator) -> FHW2.
Motion = Callable[[int, Size, np.ndarray | None, np.random.Generator], np.ndarray]
#: Drawings are deformed at so many times the clip's size and then shrunk, so that lines stay as sharp as a still's.
_SUPERSAMPLE = 2


@dataclass(frozen=True)
class TrueClip:
    """uint8 frames, the drawing as they show it at rest, and their flow."""

    drawing_HWC: np.ndarray
    frames_FHWC: np.ndarray
    flow_FHW2: np.ndarray


def true_clip(
    drawing: HeldOutDrawing, size: Size, frames: int, motion: Motion, rng: np.random.Generator
) -> TrueClip:
    flow = motion(frames, size, drawing.face_mask(size), rng).astype(np.float32)
    return deformed(drawing.pixels((size[0] * _SUPERSAMPLE, size[1] * _SUPERSAMPLE)), flow)


def deformed(large_HWC: np.ndarray, flow_FHW2: np.ndarray) -> TrueClip:
    """`large`: uint8, a whole number of times as large as the flow."""
    cv2 = opencv()
    height, width = flow_FHW2.shape[1:3]
    times = large_HWC.shape[0] // height

    def frame(flow: np.ndarray) -> np.ndarray:
        large = cv2.resize(flow * times, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
        return cv2.resize(
            warped_along(large_HWC, large, sharp=True), (width, height), interpolation=cv2.INTER_AREA
        )

    frames = np.stack([frame(flow) for flow in flow_FHW2])
    return TrueClip(frame(np.zeros_like(flow_FHW2[0])), frames, flow_FHW2)


def sway(frames: int, size: Size, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """The whole picture along a smooth random field that reaches 2 to 10 units, to and fro."""
    return _to_and_fro(frames, rng)[:, None, None, None] * wobble(size, 32.0, rng) * rng.uniform(2.0, 10.0)


def nod(frames: int, size: Size, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """The face, or what is in the middle, turns by up to 8 to 20 degrees about its chin; what lies around it gives way."""
    x, y, middle, reach = _about(size, face_HW)
    share = np.exp(-0.5 * ((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (1.2 * reach) ** 2)
    chin_x, chin_y = middle[0], middle[1] + reach
    angles = np.radians(rng.uniform(8.0, 20.0)) * _to_and_fro(frames, rng)[:, None, None] * share
    dx, dy = x - chin_x, y - chin_y
    turned = (np.cos(angles) * dx - np.sin(angles) * dy, np.sin(angles) * dx + np.cos(angles) * dy)
    return np.stack([turned[0] - dx, turned[1] - dy], axis=-1)


def breathe(frames: int, size: Size, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """What lies below the face, or in the middle, rises and widens by 2 to 6 units."""
    x, y, middle, reach = _about(size, face_HW)
    at = (middle[0], middle[1] + (0.0 if face_HW is None else 2.0 * reach))
    share = np.exp(-0.5 * ((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2.0 * reach) ** 2)
    wide = (x - at[0]) / (2.0 * reach)
    field = np.stack([wide * share, share], axis=-1) * min(size) / 128.0
    return _to_and_fro(frames, rng)[:, None, None, None] * field * rng.uniform(2.0, 6.0)


MOTIONS: Mapping[str, Motion] = {"sway": sway, "nod": nod, "breathe": breathe}


def wobble(size: Size, scale: float, rng: np.random.Generator) -> np.ndarray:
    """HW2 in pixels: a random field with cells of `scale` units, whose largest component is 1 unit."""
    cv2 = opencv()
    unit = min(size) / 128.0
    cells = [max(2, round(side / unit / scale)) for side in size]
    coarse = rng.normal(size=(*cells, 2)).astype(np.float32)
    fine = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(fine, (0, 0), scale * unit / 4.0, borderType=cv2.BORDER_REFLECT)
    return fine / np.abs(fine).max() * unit


def _to_and_fro(frames: int, rng: np.random.Generator) -> np.ndarray:
    """A sine with a period of 16 to 48 frames from a random phase, 0 in the first frame."""
    angle = 2.0 * np.pi * (np.arange(frames) / rng.uniform(16.0, 48.0) + rng.random())
    return np.sin(angle) - np.sin(angle[0])


def _about(
    size: Size, face_HW: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, tuple[float, float], float]:
    """x and y of all pixels; the middle of the face, or of the picture, and half its height in pixels."""
    x, y = np.meshgrid(np.arange(size[1], dtype=np.float64), np.arange(size[0], dtype=np.float64))
    if face_HW is None:
        return x, y, (size[1] / 2, size[0] / 2), size[0] / 6
    rows, columns = np.flatnonzero(face_HW.any(1)), np.flatnonzero(face_HW.any(0))
    return x, y, (float(columns.mean()), float(rows.mean())), float(len(rows)) / 2


def frozen(clip: TrueClip, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Nothing moves."""
    return np.repeat(clip.drawing_HWC[None], len(clip.frames_FHWC), axis=0)


def panned(clip: TrueClip, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Only the camera moves, a pixel in each frame."""
    flow = np.zeros((*clip.drawing_HWC.shape[:2], 2), np.float32)
    flow[..., 0] = -1.0
    return np.stack(
        [warped_along(clip.drawing_HWC, flow * frame, sharp=True) for frame in range(len(clip.frames_FHWC))]
    )


def jelly(clip: TrueClip, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """A wobble of 10 units in cells of 16, to and fro."""
    return _wobbling(clip, 10.0, 16.0, rng)


def ripple(clip: TrueClip, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """A wobble of 3 units in cells of 6, to and fro: too fine for a smooth flow."""
    return _wobbling(clip, 3.0, 6.0, rng)


def _wobbling(clip: TrueClip, reach: float, scale: float, rng: np.random.Generator) -> np.ndarray:
    height, width = clip.drawing_HWC.shape[:2]
    field = reach * wobble((height, width), scale, rng)
    shares = _to_and_fro(len(clip.frames_FHWC), rng)
    return np.stack([warped_along(clip.drawing_HWC, field * share, sharp=True) for share in shares])


def blurred(clip: TrueClip, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """True motion, blurred by 2 units."""
    cv2 = opencv()
    sigma = 2.0 * min(clip.drawing_HWC.shape[:2]) / 128.0
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in clip.frames_FHWC])


def holed(clip: TrueClip, face_HW: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """True motion, the face or the middle filled from the border of that hole (Telea 2004), from the fifth frame on."""
    cv2 = opencv()
    height, width = clip.drawing_HWC.shape[:2]
    hole = np.zeros((height, width), np.uint8)
    if face_HW is None:
        hole[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8] = 1
    else:
        hole[face_HW] = 1
    filled = [cv2.inpaint(frame, hole, 3, cv2.INPAINT_TELEA) for frame in clip.frames_FHWC[4:]]
    return np.stack([*clip.frames_FHWC[:4], *filled])


#: What must not pass: (a true clip, its face mask or None, random generator) -> frames.
DAMAGES: Mapping[str, Callable[[TrueClip, np.ndarray | None, np.random.Generator], np.ndarray]] = {
    "frozen": frozen,
    "panned": panned,
    "jelly": jelly,
    "ripple": ripple,
    "blurred": blurred,
    "holed": holed,
}
