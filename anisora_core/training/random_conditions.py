"""What is given in a training clip: random keyframes anywhere, random motion areas (AniSora paper, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..conditioning.guide import canvas_of_keyframes, mask_conditioning
from ..conditioning.masks import feather
from ..domain.conditions import Between, Canvas, PlacedKeyframe, Timeline
from ..media.tensors import to_floats


@dataclass(frozen=True)
class ConditionMix:
    """Probabilities of what is given; the rest is keyframes at 2 to `max_keyframes` uniformly drawn frames."""

    nothing: float = 0.03
    first: float = 0.26
    first_and_last: float = 0.26
    last: float = 0.05
    motion_area: float = 0.24
    max_keyframes: int = 6
    weak_keyframe: float = 0.15


def random_canvas(
    frames_FHWC: np.ndarray,
    moving_FHW: np.ndarray,
    mix: ConditionMix,
    rng: np.random.Generator,
    between: Between = "grey",
) -> Canvas:
    """Draw a canvas for a true clip (uint8 frames). Areas cover all true motion, so that what is given is true."""
    num_frames, height, width, _ = frames_FHWC.shape
    timeline = Timeline(num_frames, 1.0, height, width)
    kind = random_kind(mix, rng)
    area = random_area(moving_FHW, rng) if kind == "motion_area" else None
    if kind == "motion_area" and float(area.mean()) > 0.8:  # type: ignore[union-attr]
        kind = "first"  # the camera moves, or nearly all does: an area would say nothing
    placed = placed_keyframes(frames_FHWC, kind, mix, rng)
    canvas = canvas_of_keyframes(placed, timeline, between)
    if kind == "motion_area" and area is not None:
        canvas = mask_conditioning(canvas, placed, area.expand(num_frames, -1, -1))
    return canvas


def random_kind(mix: ConditionMix, rng: np.random.Generator) -> str:
    named = {
        name: getattr(mix, name) for name in ("nothing", "first", "first_and_last", "last", "motion_area")
    }
    return str(rng.choice([*named, "any"], p=[*named.values(), 1.0 - sum(named.values())]))


def random_keyframes(
    frames_FHWC: np.ndarray, mix: ConditionMix, rng: np.random.Generator, key_multiple: int | None
) -> list[PlacedKeyframe]:
    """Keyframes alone, on a release's legal grid (None: the first frame only)."""
    kind = random_kind(mix, rng)
    if key_multiple is None and kind != "nothing":
        kind = "first"
    return placed_keyframes(frames_FHWC, kind, mix, rng, key_multiple or 1)


def placed_keyframes(
    frames_FHWC: np.ndarray,
    kind: str,
    mix: ConditionMix,
    rng: np.random.Generator,
    key_multiple: int = 1,
) -> list[PlacedKeyframe]:
    chosen = {frame // key_multiple * key_multiple for frame in _frames(kind, len(frames_FHWC), mix, rng)}
    return [_keyframe(frames_FHWC, frame, mix, rng) for frame in sorted(chosen)]


def _frames(kind: str, num_frames: int, mix: ConditionMix, rng: np.random.Generator) -> list[int]:
    last = num_frames - 1
    if kind == "nothing":
        return []
    if kind == "last":
        return [last]
    if kind == "first_and_last":
        return sorted({0, last})
    if kind == "any":
        count = int(rng.integers(2, mix.max_keyframes + 1))
        return sorted({int(f) for f in rng.integers(num_frames, size=count)})
    return [0, last] if kind == "motion_area" and last and rng.random() < 0.3 else [0]


def _keyframe(
    frames_FHWC: np.ndarray, frame: int, mix: ConditionMix, rng: np.random.Generator
) -> PlacedKeyframe:
    strength = float(rng.uniform(0.3, 1.0)) if rng.random() < mix.weak_keyframe else 1.0
    return PlacedKeyframe(frame, to_floats(frames_FHWC[frame]), strength)


def random_area(moving_FHW: np.ndarray, rng: np.random.Generator) -> Tensor:
    """area_1HW that contains all motion of the clip: its shape grown by a random margin, or the box around it."""
    union = torch.from_numpy(moving_FHW.any(axis=0)).float()
    margin = int(rng.integers(2, 13))
    grown = F.max_pool2d(union[None, None], 2 * margin + 1, stride=1, padding=margin)[0, 0]
    if rng.random() < 0.4 and bool(grown.any()):
        rows, columns = grown.any(1).nonzero().flatten(), grown.any(0).nonzero().flatten()
        grown = torch.zeros_like(grown)
        grown[int(rows[0]) : int(rows[-1]) + 1, int(columns[0]) : int(columns[-1]) + 1] = 1.0
    return feather(grown[None], float(rng.uniform(0.0, 3.0)) if rng.random() < 0.7 else 0.0).maximum(union)
