"""Distances between colours and lines, computed by hand for flat colours and ruled paper."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.style_distance import (
    colour_distance,
    lab,
    line_distance,
    line_features,
)
from known_clips import flat, ruled


@pytest.mark.parametrize(
    ("colour", "expected"),
    [  # CIE 15 with D65, as every textbook has them
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_lab_of_known_colours(colour, expected):
    assert lab(flat(colour))[0, 0, 0].tolist() == pytest.approx(expected, abs=0.05)


def test_two_flat_colours_are_as_far_as_their_lab_values_projected():
    """Sliced: the mean over directions of |difference . direction|; in three dimensions about half the difference."""
    red, blue = flat((255, 0, 0)), flat((0, 0, 255))
    difference = lab(red)[0, 0, 0] - lab(blue)[0, 0, 0]
    directions = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    found = colour_distance(red, blue)
    assert found == pytest.approx(float(np.abs(difference @ directions).mean()), rel=1e-4)
    assert found == pytest.approx(0.5 * float(np.linalg.norm(difference)), rel=0.15)


def test_a_set_of_two_colours_is_half_as_far():
    """Half of its pixels must move all the way."""
    both = np.concatenate([flat((0, 0, 0)), flat((255, 255, 255))])
    half = colour_distance(both, flat((0, 0, 0)))
    assert half == pytest.approx(0.5 * colour_distance(flat((255, 255, 255)), flat((0, 0, 0))), rel=0.01)


def test_what_is_not_style_does_not_count():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 32, 32, 3), np.uint8)
    shuffled = rng.permutation(pictures.reshape(-1, 3)).reshape(pictures.shape)
    assert colour_distance(pictures, pictures) == 0.0
    assert colour_distance(pictures, shuffled) == 0.0  # where colours stand
    assert colour_distance(pictures, np.concatenate([pictures, pictures])) == pytest.approx(0.0, abs=0.05)
    other = flat((10, 200, 90), 32)
    assert colour_distance(pictures, other) == pytest.approx(colour_distance(other, pictures))
    for same in (pictures[:, ::-1, ::-1], pictures[::-1]):
        assert colour_distance(same, pictures) == 0.0


def test_a_stronger_tint_is_farther():
    grey = flat((128, 128, 128))
    tinted = [colour_distance(flat((128 + more, 128, 128 - more)), grey) for more in (10, 20, 40)]
    assert tinted == sorted(tinted)
    assert tinted[0] > 1.0


def test_features_of_ruled_paper_by_hand():
    """Black lines 1 pixel wide on white: the closing by 3 and by 5 fills them, so each line pixel is 100 darker."""
    one = line_features(ruled(1))
    share = 4 / 64  # four lines of one pixel in 64
    assert one.shape[1] == 4
    assert one[:, 2].mean() == pytest.approx(100.0 * share, rel=0.05)
    assert one[:, 3].mean() == pytest.approx(100.0 * share, rel=0.05)
    assert one[:, 0].mean() == pytest.approx(200.0 * share, rel=0.05)  # steep on either side
    three = line_features(ruled(3))
    assert three[:, 2].mean() == 0.0  # too broad for the closing by 3
    assert three[:, 3].mean() == pytest.approx(300.0 * share, rel=0.05)
    assert three[:, 0].mean() == pytest.approx(200.0 * share, rel=0.05)


def test_broader_and_paler_lines_are_farther_than_moved_ones():
    style = ruled(1)
    moved = np.roll(style, 3, axis=2)
    assert line_distance(style, style) == 0.0
    assert line_distance(moved, style) < 0.3
    broad, pale = line_distance(ruled(3), style), line_distance(ruled(1, ink=128), style)
    assert min(broad, pale) > 2.0
    assert line_distance(flat((255, 255, 255), 64), style) > 2.0


def test_lines_do_not_see_colour_and_colours_do_not_see_lines():
    paper = ruled(1)
    assert line_distance(paper, ruled(1, paper=250)) < 1.0
    stippled = np.random.default_rng(0).permutation(paper.reshape(-1, 3)).reshape(paper.shape)
    assert colour_distance(stippled, paper) == 0.0
    assert line_distance(stippled, paper) > 1.0
