"""Camera moves over one drawing: what the camera sees on the way, as keyframes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from ..domain.conditions import Keyframe

#: Words of a move, and its amount.
_MOVE = re.compile(
    r"(pan left|pan right|tilt up|tilt down|zoom in|zoom out)(?: (\d+(?:\.\d+)?)%)?", re.IGNORECASE
)
_AMOUNT = 0.2
#: Frames between two keyframes, which every release takes that takes more than one.
EVERY = 8


@dataclass(frozen=True)
class CameraView:
    """A part of a drawing, of the clip's shape: its middle, and how large it is by the largest such part (0..1). All in 0..1, y downwards."""

    x: float = 0.5
    y: float = 0.5
    size: float = 1.0

    def towards(self, other: CameraView, share: float) -> CameraView:
        def between(a: float, b: float) -> float:
            return a + (b - a) * share

        return CameraView(
            *(between(a, b) for a, b in ((self.x, other.x), (self.y, other.y), (self.size, other.size)))
        )

    def crop(self, drawing_HWC: Tensor, height: int, width: int) -> Tensor:
        """HWC, to the nearest pixel of the drawing; moved inside where the view reaches over its edge."""
        tall, wide = drawing_HWC.shape[:2]
        unit = min(tall / height, wide / width) * self.size
        rows, columns = max(1, round(height * unit)), max(1, round(width * unit))
        top = min(max(0, round(self.y * tall - rows / 2)), tall - rows)
        left = min(max(0, round(self.x * wide - columns / 2)), wide - columns)
        return drawing_HWC[top : top + rows, left : left + columns]


def parse_camera(text: str) -> tuple[CameraView, CameraView]:
    """`pan left 20%`, `zoom in 50%`: start and end. Of a pan or tilt the amount is the way, by the drawing's side; of a zoom, how much of the side is
    lost. 20% unless it says so. ValueError for other words, and for 0% or 100% and more.
    """
    found = _MOVE.fullmatch(" ".join(text.split()))
    amount = _AMOUNT if found is None or found[2] is None else float(found[2]) / 100.0
    if found is None or not 0.0 < amount < 1.0:
        raise ValueError(
            f"camera {text!r}: write it as pan left 20%, pan right, tilt up, tilt down, zoom in 50% or zoom out, with 1% to 99%"
        )
    side, half = 1.0 - amount, amount / 2
    middle = CameraView(size=side)
    moves = {
        "pan left": (CameraView(0.5 + half, 0.5, side), CameraView(0.5 - half, 0.5, side)),
        "tilt up": (CameraView(0.5, 0.5 + half, side), CameraView(0.5, 0.5 - half, side)),
        "zoom in": (CameraView(), middle),
    }
    opposite = {"pan right": "pan left", "tilt down": "tilt up", "zoom out": "zoom in"}
    word = found[1].lower()
    start, end = moves[opposite.get(word, word)]
    return (end, start) if word in opposite else (start, end)


def camera_keyframes(
    drawing_HWC: Tensor, path: tuple[CameraView, CameraView], num_frames: int, height: int, width: int
) -> tuple[Keyframe, ...]:
    """On every `EVERY`th frame and the last of these that the clip has, at an even speed from the first view to the second."""
    frames = range(0, num_frames, EVERY)
    shares = torch.linspace(0.0, 1.0, len(frames)).tolist()
    start, end = path
    return tuple(
        Keyframe(start.towards(end, share).crop(drawing_HWC, height, width), str(frame))
        for frame, share in zip(frames, shares, strict=True)
    )
