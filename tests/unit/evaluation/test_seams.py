"""Seams, loops and smoothness of clips whose steps are known."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.seams import (
    loop_seam,
    motion_smoothness,
    seam,
    step_sizes,
)

from tests.known_clips import flat, shifted


def of_levels(*levels: int) -> np.ndarray:
    return np.concatenate([flat((level,) * 3) for level in levels])


def test_a_seam_is_its_step_by_the_usual_step():
    clip = of_levels(10, 12, 14, 24, 26, 28)
    assert step_sizes(clip).tolist() == [2, 2, 10, 2, 2]
    assert seam(clip, 3) == 5.0
    assert seam(clip, 2) == 1.0


def test_loops():
    assert loop_seam(of_levels(10, 12, 14, 12)) == 1.0
    assert loop_seam(of_levels(10, 12, 14, 12, 10)) == 0.0
    assert loop_seam(of_levels(10, 12, 14, 16, 18)) == 4.0
    assert loop_seam(of_levels(7, 7, 7)) == 0.0
    assert loop_seam(of_levels(7, 7, 7, 7, 9)) == np.inf


def test_even_motion_is_smooth_and_a_jump_is_not():
    even = shifted(0, 2, frames=5)
    assert motion_smoothness(even).min() > 0.99
    jumping = even[[0, 1, 4, 2, 3]]
    assert motion_smoothness(jumping).min() < 0.98
    assert motion_smoothness(even[:2]).shape == (0,)


def test_a_flash_counts_by_its_height():
    """Frames of 0, 51 and 0 levels: the neighbours foretell 0, so a fifth is off."""
    assert motion_smoothness(of_levels(0, 51, 0)) == pytest.approx([0.8])
