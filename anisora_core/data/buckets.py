"""Training sizes: all of about one area, each drawing in the shape nearest to its own, none enlarged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .training_folder import Item

#: Longest training shape, longer side over shorter; longer drawings are cut to it.
WIDEST = 2.0
#: Drawings below this share of the training area are left out: they show too little of how they were drawn.
SMALLEST_SHARE = 1 / 16

Size = tuple[int, int]


def bucket_sizes(max_pixels: int, multiple: int, widest: float = WIDEST) -> list[Size]:
    """(height, width) with sides that divide by `multiple`, of at most `max_pixels` and close to it, tall to wide.

    No side is over `widest` times the other. ValueError when not even one size is that small.
    """
    if multiple < 1 or max_pixels < multiple**2 or widest < 1:
        raise ValueError(
            f"no training size: {max_pixels} pixels, multiples of {multiple}, sides up to {widest:g} to 1; "
            f"use at least {max(multiple, 1) ** 2} pixels and 1 to 1"
        )
    cells = max_pixels // multiple**2
    tall = [
        (min(cells // columns, int(widest * columns)) * multiple, columns * multiple)
        for columns in range(1, math.isqrt(cells) + 1)
    ]
    sizes = {*tall, *((width, height) for height, width in tall)}
    return sorted(
        (size for size in sizes if not any(size != other and _fills(other, size) for other in sizes)),
        key=lambda size: size[1] / size[0],
    )


def bucket_of(height: int, width: int, max_pixels: int, multiple: int, widest: float = WIDEST) -> Size | None:
    """The size nearest in shape. A smaller drawing gets the largest one on the grid that it fills; one that does
    not fill a sixteenth of `max_pixels` gets None.
    """
    return _nearest(height, width, bucket_sizes(max_pixels, multiple, widest), max_pixels, multiple, widest)


def assign(
    items: Iterable[Item], max_pixels: int, multiple: int, widest: float = WIDEST
) -> dict[Size, list[Item]]:
    """(height, width) -> its items in their order, sizes in order. Items too small for any size are left out.

    ValueError when that leaves nothing.
    """
    sizes = bucket_sizes(max_pixels, multiple, widest)
    buckets: dict[Size, list[Item]] = {}
    for item in items:
        if size := _nearest(item.height, item.width, sizes, max_pixels, multiple, widest):
            buckets.setdefault(size, []).append(item)
    if not buckets:
        raise ValueError(
            f"every picture is smaller than {math.ceil(max_pixels * SMALLEST_SHARE)} pixels, too small to train at {max_pixels}; "
            "use larger pictures or a smaller training size"
        )
    return dict(sorted(buckets.items()))


def _nearest(
    height: int, width: int, sizes: list[Size], max_pixels: int, multiple: int, widest: float
) -> Size | None:
    nearest = min(sizes, key=lambda size: abs(math.log(size[1] / size[0] * height / width)))
    if _fills((height, width), nearest):
        return nearest
    short = min(height, width) // multiple * multiple
    if short == 0:
        return None
    long = int(min(max(height, width), widest * short, max_pixels / short)) // multiple * multiple
    smaller = (short, long) if height < width else (long, short)
    return smaller if short * long >= max_pixels * SMALLEST_SHARE else None


def _fills(larger: Size, smaller: Size) -> bool:
    return larger[0] >= smaller[0] and larger[1] >= smaller[1]
