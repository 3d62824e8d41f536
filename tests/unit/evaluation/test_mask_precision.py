"""Precision and recall of motion inside an area, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.mask_precision import area_around, precision, recall


def moving(*places: tuple[int, int, int]) -> np.ndarray:
    """bool [2, 8, 8] with these (frame, row, column)."""
    found = np.zeros((2, 8, 8), bool)
    for place in places:
        found[place] = True
    return found


AREA = np.zeros((8, 8), bool)
AREA[:4] = True


def test_by_hand():
    made = moving((0, 0, 0), (0, 1, 1), (1, 3, 7), (1, 4, 0))
    truth = moving((0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 0, 3), (1, 7, 7))
    assert precision(made, AREA) == 0.75
    assert recall(made, truth, AREA) == 0.75


def test_ends_of_the_scale():
    inside, outside = moving((0, 0, 0)), moving((0, 7, 0))
    assert precision(inside, AREA) == 1.0
    assert precision(outside, AREA) == 0.0
    assert np.isnan(precision(moving(), AREA))
    assert recall(moving(), inside, AREA) == 0.0
    assert (
        recall(moving((0, 0, 0), (0, 1, 0)), inside, AREA) == 1.0
    )  # more than the truth counts as all of it
    assert recall(inside, moving(), AREA) == 1.0


def test_everything_that_moves_and_a_margin():
    area = area_around(moving((0, 4, 4), (1, 4, 4)), margin=2)
    assert area.sum() == 13  # a diamond: 1 + 3 + 5 + 3 + 1
    assert area[4, 2]
    assert not area[2, 2]
    assert area_around(moving(), 3).sum() == 0
    assert precision(moving((1, 4, 2)), area) == pytest.approx(1.0)
