"""What tells a clip that is fit to train on from one that is not: pure functions from uint8 RGB frames_FHWC to a score."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...data.training_folder import perceptual_hash
from ...evaluation.metrics.smooth_flow import luma

#: Grey levels of 0..255 up to which a border is black: video black is 16 in some files, and compression adds to it.
_BLACK = 26.0
#: Share of a border's pixels, over all frames, that may be brighter, as scratches of a film are.
_SCRATCHES = 0.01
#: A picture of less than this share of the frame is a dark scene, not a bordered one.
_LEAST = 0.2
#: Levels of mean brightness by which a flash leaves the frames before it, and to which near they return; seconds within which they do.
_FLASH, _RETURN, _FLASH_SECONDS = 40.0, 12.0, 0.3


@dataclass(frozen=True)
class Box:
    """Rows top to bottom and columns left to right, without the ends, of what is inside black borders."""

    top: int
    bottom: int
    left: int
    right: int

    def share(self, height: int, width: int) -> float:
        """Of the frame's area, 0..1."""
        return (self.bottom - self.top) * (self.right - self.left) / (height * width)


def picture_box(frames_FHWC: np.ndarray) -> Box:
    """The picture inside of black borders, which are black in every frame; all of it for a dark scene. Even sides, as video needs them."""
    height, width = frames_FHWC.shape[1:3]
    bright = np.stack([luma(frame) > _BLACK for frame in frames_FHWC])
    rows = np.flatnonzero(bright.mean((0, 2)) > _SCRATCHES)
    columns = np.flatnonzero(bright.mean((0, 1)) > _SCRATCHES)
    if not len(rows) or not len(columns):
        return Box(0, height, 0, width)
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    if (bottom - top) * (right - left) < _LEAST * height * width:
        return Box(0, height, 0, width)
    return Box(top, bottom - (bottom - top) % 2, left, right - (right - left) % 2)


def flashes(frames_FHWC: np.ndarray, fps: float) -> list[int]:
    """Frames in which the whole picture turns bright or dark, and is back within a third of a second: lightning, impact frames, photographs taken."""
    light = np.array([luma(frame).mean() for frame in frames_FHWC])
    longest, found, at = max(1, round(_FLASH_SECONDS * fps)), list[int](), 1
    while at < len(light):
        after = light[at + 1 : at + 1 + longest]
        back = np.flatnonzero(np.abs(after - light[at - 1]) < _RETURN)
        if abs(light[at] - light[at - 1]) > _FLASH and len(back):
            found.append(at)
            at += int(back[0]) + 1
        at += 1
    return found


def blur(picture_HWC: np.ndarray) -> float:
    """0 (sharp) to 1 (blurred): how little a picture loses when it is blurred once more (Crete et al. 2007), the worse of both directions."""
    grey = luma(picture_HWC).astype(np.float64)
    worst = 0.0
    for axis in (0, 1):
        size = (1, 9) if axis == 0 else (9, 1)  # width, height
        again = cv2.blur(grey, size, borderType=cv2.BORDER_REFLECT)
        change, changed = (np.abs(np.diff(x, axis=axis)) for x in (grey, again))
        total = float(change.sum())
        lost = float(np.maximum(change - changed, 0.0).sum())
        worst = max(worst, (total - lost) / total if total > 0 else 1.0)
    return worst


def median_blur(frames_FHWC: np.ndarray) -> float:
    """`blur` of five frames spread over a clip, each behind a Gaussian of 0.7 pixels: without it, noise of compression makes a blurred picture look sharp."""
    chosen = np.linspace(0, len(frames_FHWC) - 1, min(5, len(frames_FHWC))).round().astype(int)
    return float(np.median([blur(cv2.GaussianBlur(frames_FHWC[at], (0, 0), 0.7)) for at in chosen]))


def clip_hash(frames_FHWC: np.ndarray) -> np.ndarray:
    """bool [3, 64]: perceptual hashes of the frames at a quarter, the middle and three quarters."""
    last = len(frames_FHWC) - 1
    return np.stack([perceptual_hash(frames_FHWC[round(share * last)]) for share in (0.25, 0.5, 0.75)])


def looks_alike(a: np.ndarray, b: np.ndarray, bits: int) -> bool:
    """Whether each of the three hashes differs in at most so many of 64 bits."""
    return bool(((a ^ b).sum(1) <= bits).all())
