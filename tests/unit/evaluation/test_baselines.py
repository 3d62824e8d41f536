"""Baselines of in-betweening on a square that slides by 2 pixels a frame."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.baselines import (
    BASELINES,
    cross_faded,
    gain_over_baselines,
    nearest_held,
)
from comfyui_anisora.anisora_core.evaluation.metrics.fidelity import squared_error
from known_clips import flat, sliding_square


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_start_and_end_at_the_keyframes(name):
    clip = sliding_square()
    made = BASELINES[name](clip[0], clip[-1], len(clip))
    assert made.shape == clip.shape
    assert np.array_equal(made[0], clip[0])
    assert np.array_equal(made[-1], clip[-1])


def test_warping_beats_a_cross_fade_on_a_sliding_square():
    clip = sliding_square()
    psnr = {name: squared_error(make(clip[0], clip[-1], 9), clip).psnr for name, make in BASELINES.items()}
    assert psnr["dis_flow"] > psnr["cross_fade"]


def test_fades_and_holds_by_hand():
    first, last = flat((0, 0, 0))[0], flat((200, 100, 40))[0]
    assert cross_faded(first, last, 5)[:, 0, 0, 0].tolist() == [0, 50, 100, 150, 200]
    assert nearest_held(first, last, 5)[:, 0, 0, 1].tolist() == [0, 0, 0, 100, 100]


def test_the_gain_is_over_the_best_one():
    assert gain_over_baselines(21.0, {"held": 15.0, "cross_fade": 19.5, "dis_flow": 18.0}) == 1.5
