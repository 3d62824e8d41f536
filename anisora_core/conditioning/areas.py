"""Areas painted at some frames of a clip, and what they are at every frame.

Shapes: mask_HW and area_FHW are float 0..1, 1 = may move; between keys a shape travels and changes its outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..domain.conditions import Geometry
from ..media.resize import cover_crop, stretch_mask

#: A soft edge is a stack of outlines; each of these levels has one, so that softness lasts between the keys.
LEVELS = tuple((2 * step + 1) / 16 for step in range(8))
Array = NDArray[np.float32]


@dataclass(frozen=True)
class PaintedArea:
    """Masks of the clip's size at their frames, in order. A `still` area is taken away from what may move."""

    keys: tuple[tuple[int, Tensor], ...]
    still: bool = False


def motion_over_time(
    areas: Sequence[PaintedArea],
    num_frames: int,
    height: int,
    width: int,
    subject_FHW: Tensor | None = None,
) -> Tensor:
    """area_FHW: the subject (one frame or all) and the moving areas together, without the still ones.

    With neither subject nor moving areas everything may move but the still ones.
    """
    start = torch.zeros if subject_FHW is not None or any(not area.still for area in areas) else torch.ones
    may_move = start(num_frames, height, width)
    if subject_FHW is not None:
        may_move = torch.maximum(may_move, subject_FHW)
    for area in (area for area in areas if not area.still):
        may_move = torch.maximum(may_move, area_over_time(area.keys, num_frames))
    for area in (area for area in areas if area.still):
        may_move = torch.minimum(may_move, 1.0 - area_over_time(area.keys, num_frames))
    return may_move


def area_over_time(keys: Sequence[tuple[int, Tensor]], num_frames: int) -> Tensor:
    """area_FHW: the masks themselves at their frames, shapes between them, held before the first and after the last."""
    first, last = keys[0], keys[-1]
    frames = torch.empty(num_frames, *first[1].shape)
    frames[: first[0]] = first[1]
    frames[last[0] :] = last[1]
    for (frame, earlier), (next_frame, later) in pairwise(keys):
        frames[frame] = earlier
        frames[frame + 1 : next_frame] = shapes_between(earlier, later, next_frame - frame - 1)
    return frames


def shapes_between(earlier_HW: Tensor, later_HW: Tensor, count: int) -> Tensor:
    """`count` masks evenly in time: the middle of the shape goes straight, and around it the distance to the
    outline is mixed, per level of softness. A shape that is empty at one end shrinks to nothing there.
    """
    earlier, later = earlier_HW.numpy(), later_HW.numpy()
    starts, ends = middle(earlier), middle(later)
    start, end = starts if starts is not None else ends, ends if ends is not None else starts
    way = np.zeros(2) if start is None or end is None else end - start
    room = int(np.abs(way).max()) + 1
    pairs = [
        tuple(np.pad(distance, room, mode="edge") for distance in distances(earlier > level, later > level))
        for level in LEVELS
    ]
    masks = np.zeros((count, *earlier.shape), np.float32)
    for mask, share in zip(masks, np.linspace(0, 1, count + 2)[1:-1], strict=True):
        for before, after in pairs:
            mask += np.clip(
                (1 - share) * moved(before, way * share, room)
                + share * moved(after, way * (share - 1), room)
                + 0.5,
                0,
                1,
            )
    return torch.from_numpy(masks / len(LEVELS))


def middle(mask: Array) -> NDArray[np.float64] | None:
    """(y, x) of a mask's centre of mass; None where it has no outline and so no place: all black or all white."""
    if mask.max() <= LEVELS[0] or mask.min() > LEVELS[-1]:
        return None
    rows, columns = mask.sum(1, dtype=np.float64), mask.sum(0, dtype=np.float64)
    return np.array([np.average(np.arange(len(sums)), weights=sums) for sums in (rows, columns)])


def distances(earlier: NDArray[np.bool_], later: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Signed distances to both outlines. One without an outline is the other shrunk to nothing or grown to everything;
    two without one fade into each other.
    """
    before, after = signed_distance(earlier), signed_distance(later)
    if before is not None and after is not None:
        return before, after
    if before is not None:
        return before, without_outline(before, bool(later.all()))
    if after is not None:
        return without_outline(after, bool(earlier.all())), after
    return earlier - np.float32(0.5), later - np.float32(0.5)


def signed_distance(inside: NDArray[np.bool_]) -> Array | None:
    """Pixels to the outline, which runs between pixels, positive inside; the picture's border is none."""
    if inside.all() or not inside.any():
        return None
    to_outside: Array = np.asarray(distance_transform_edt(inside), np.float32)
    to_inside: Array = np.asarray(distance_transform_edt(~inside), np.float32)
    return np.where(inside, to_outside - 0.5, 0.5 - to_inside)


def without_outline(other: Array, everything: bool) -> Array:
    return other - (other.min() if everything else other.max())


def moved(padded: Array, way: NDArray[np.float64], room: int) -> Array:
    """The inner part of an array padded by `room`, after it went `way` (y, x) in whole pixels."""
    top, left = (room - np.rint(way)).astype(int)
    height, width = (side - 2 * room for side in padded.shape)
    return padded[top : top + height, left : left + width]


def fit_mask(mask_HW: Tensor, height: int, width: int, fit: Geometry) -> Tensor:
    """A mask painted on a drawing follows it into the clip: cut to its shape around the centre, or pulled to it."""
    if mask_HW.shape == (height, width):
        return mask_HW
    if fit == "crop":
        return cover_crop(mask_HW[None, None], (height, width), "bilinear")[0, 0]
    return stretch_mask(mask_HW[None], (height, width))[0].clamp(0.0, 1.0)
