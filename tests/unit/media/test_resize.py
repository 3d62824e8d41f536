"""One picture in the place of another shape."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.media.resize import (
    cover,
    cover_crop,
    cover_crop_pixels,
    stretch,
    v1_cover_crop,
)


def test_pixels_cover_and_the_middle_is_kept():
    stripes = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None], 20, 0).repeat(3, 2)
    assert np.array_equal(cover_crop_pixels(stripes, (20, 20))[0, :, 0], np.arange(20, 40))
    assert np.array_equal(cover_crop_pixels(stripes, (20, 60)), stripes)
    assert cover_crop_pixels(stripes, (40, 16)).shape == (40, 16, 3)
    assert cover_crop_pixels(stripes, (10, 10))[5, :, 0].tolist() == pytest.approx(
        np.arange(20.5, 40, 2).tolist(), abs=1
    )


def test_random_cuts_reach_both_ends_and_frames_are_cut_alike():
    stripes = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None], 20, 0).repeat(3, 2)
    rng = np.random.default_rng(0)
    lefts = [int(cover_crop_pixels(stripes, (20, 20), rng)[0, 0, 0]) for _ in range(200)]
    assert min(lefts) == 0
    assert max(lefts) >= 38
    clip = cover_crop_pixels(np.stack([stripes, stripes]), (20, 20), rng)
    assert np.array_equal(clip[0], clip[1])


@pytest.mark.parametrize(
    ("source", "target", "scaled", "corner", "box"),
    [
        ((20, 60), (20, 20), (20, 60), (0, 20), (20, 0, 40, 20)),  # only cut
        ((20, 60), (40, 40), (40, 120), (0, 40), (20, 0, 40, 20)),  # twice as large
        ((90, 30), (20, 20), (60, 20), (20, 0), (0, 30, 30, 60)),  # a third, from the middle
        ((100, 101), (50, 50), (50, 50), (0, 0), (0, 0, 100, 100)),  # half a pixel is rounded away
    ],
)
def test_cover_by_hand(source, target, scaled, corner, box):
    """Heights first, but boxes as Pillow's: left, top, right, bottom."""
    placed = cover(source, target)
    assert placed.scaled == scaled
    assert (placed.top, placed.left) == corner
    assert placed.box == pytest.approx(box)


def test_cover_at_either_end():
    assert cover((20, 60), (20, 20), 0.0).box == (0, 0, 20, 20)
    assert cover((20, 60), (20, 20), 1.0).box == (40, 0, 60, 20)


def test_every_shape_is_covered_and_hardly_larger():
    rng = np.random.default_rng(0)
    for _ in range(300):
        height, width, tall, wide = rng.integers(1, 300, 4).tolist()
        placed = cover((height, width), (tall, wide))
        assert placed.scaled[0] >= tall
        assert placed.scaled[1] >= wide
        assert placed.scaled[0] == tall or placed.scaled[1] == wide
        left, top, right, bottom = placed.box
        assert 0 <= left <= right <= width
        assert 0 <= top <= bottom <= height + 1e-9


def test_planes_keep_the_middle_and_stay_in_range():
    ramp = torch.linspace(0, 1, 60).expand(1, 1, 20, 60)
    for mode in ("bilinear", "bicubic"):
        cropped = cover_crop(ramp, (10, 10), mode)
        assert cropped.shape == (1, 1, 10, 10)
        assert cropped.mean().item() == pytest.approx(0.5, abs=1e-3)
        assert 0.0 <= cropped.min() <= cropped.max() <= 1.0
    assert stretch(torch.rand(2, 8, 12, 3), (5, 7)).shape == (2, 5, 7, 3)


def bicubic(source: int, target: int, *, antialias: bool) -> torch.Tensor:
    """[target, source] weights of a bicubic filter (Keys 1981), a = -0.5 with antialiasing and -0.75 without, as torch has it."""
    a, scale = (-0.5, source / target) if antialias else (-0.75, source / target)
    width = max(scale, 1.0) if antialias else 1.0

    def weight(x: float) -> float:
        x = abs(x)
        if x < 1.0:
            return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a if x < 2.0 else 0.0

    rows = torch.zeros(target, source, dtype=torch.float64)
    for i in range(target):
        middle = (i + 0.5) * scale - 0.5
        for j in range(-3, source + 3):
            if antialias and not 0 <= j < source:
                continue  # what lies outside does not count
            rows[i, min(max(j, 0), source - 1)] += weight((j - middle) / width)
    return rows / rows.sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("source", "target", "scaled"),
    [
        ((20, 61), (13, 20), (13, 39)),  # 39.65, where rounding would give 40
        ((61, 20), (30, 13), (39, 13)),
        ((16, 16), (31, 40), (40, 40)),
    ],
)
def test_v1s_own_crop_by_hand(source, target, scaled):
    lines = (torch.rand(1, 3, *source, generator=torch.Generator().manual_seed(0)) > 0.5).double()
    tall, wide = (bicubic(a, b, antialias=True) for a, b in zip(source, scaled, strict=True))
    top, left = ((b - c) // 2 for b, c in zip(scaled, target, strict=True))
    expected = (tall @ lines @ wide.T)[:, :, top : top + target[0], left : left + target[1]]
    assert expected.min() < -0.01
    torch.testing.assert_close(v1_cover_crop(lines, target), expected)


def test_stretching_by_hand():
    lines = (torch.rand(1, 20, 30, 3, generator=torch.Generator().manual_seed(0)) > 0.5).double()
    tall, wide = bicubic(20, 33, antialias=False), bicubic(30, 17, antialias=False)
    expected = (tall @ lines.movedim(3, 1) @ wide.T).movedim(1, 3)
    torch.testing.assert_close(stretch(lines, (33, 17)), expected)
