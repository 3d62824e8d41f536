"""Training sizes: on the grid, near the area, and never larger than the drawing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from comfyui_anisora.anisora_core.data.buckets import SMALLEST_SHARE, assign, bucket_of, bucket_sizes
from comfyui_anisora.anisora_core.data.training_folder import Item
from hypothesis import example, given
from hypothesis import strategies as st

sides = st.integers(1, 3000)
grids = st.tuples(st.integers(64 * 64, 900_000), st.sampled_from([8, 16, 32, 64]))


def item(height, width):
    return Item(Path(f"{height}x{width}.png"), height, width, 1, "", 1, "")


def test_sizes_of_a_small_model():
    assert bucket_sizes(128 * 128, 16) == [(160, 96), (144, 112), (128, 128), (112, 144), (96, 160)]
    assert bucket_sizes(16 * 16, 16) == [(16, 16)]
    assert bucket_sizes(128 * 128, 16, widest=1) == [(128, 128)]


@given(grids, st.floats(1, 4))
def test_sizes_divide_fit_the_area_and_come_turned_too(grid, widest):
    area, multiple = grid
    sizes = bucket_sizes(area, multiple, widest)
    assert sizes
    assert set(sizes) == {(width, height) for height, width in sizes}
    for height, width in sizes:
        assert height % multiple == width % multiple == 0
        assert height * width <= area
        assert max(height, width) <= widest * min(height, width)
        assert not any((height + multiple, width) == other for other in sizes)


def test_a_size_that_cannot_be_is_refused_with_the_fix():
    with pytest.raises(ValueError, match="at least 256 pixels"):
        bucket_sizes(100, 16)


@given(sides, sides, grids, st.floats(1, 6))
@example(320, 1528, (480 * 832, 64), 6)  # its sides on the grid are over the area
def test_nothing_is_enlarged(height, width, grid, widest):
    area, multiple = grid
    size = bucket_of(height, width, area, multiple, widest)
    if size is None:
        assert min(height, width) < multiple or min(height, width) ** 2 < area * SMALLEST_SHARE * 4
    else:
        assert size[0] <= height
        assert size[1] <= width
        assert size[0] % multiple == size[1] % multiple == 0
        assert area * SMALLEST_SHARE <= size[0] * size[1] <= area


@given(sides, sides)
def test_a_large_drawing_gets_the_whole_size_nearest_in_shape(height, width):
    sizes = bucket_sizes(128 * 128, 16)
    tall, wide = bucket_of(height + 160, width + 160, 128 * 128, 16)
    assert (tall, wide) in sizes
    aspect = math.log((width + 160) / (height + 160))
    nearest = min(abs(math.log(w / h) - aspect) for h, w in sizes)
    assert abs(math.log(wide / tall) - aspect) == pytest.approx(nearest)


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (480, 832, (480, 832)),
        (479, 832, (464, 832)),
        (600, 660, (592, 656)),
        (300, 2000, (288, 576)),
        (240, 416, (240, 416)),
        (2000, 100, None),
        (4000, 600, (880, 448)),
        (1080, 1920, (480, 832)),
    ],
)
def test_sizes_of_drawings(height, width, size):
    assert bucket_of(height, width, 480 * 832, 16) == size


def test_items_keep_their_order_and_too_small_ones_are_in_none():
    items = [item(128, 128), item(20, 20), item(300, 500), item(256, 256)]
    assert assign(items, 128 * 128, 16) == {(96, 160): [items[2]], (128, 128): [items[0], items[3]]}
    with pytest.raises(ValueError, match="use larger pictures"):
        assign(items[1:2], 128 * 128, 16)
