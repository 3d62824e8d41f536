"""Held frames and drawing rates of clips that are drawn on ones, twos and threes, clean and with grain."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.cadence import drawing_rate, held_frames, hold_lengths

from tests.known_clips import shifted

DRAWINGS = shifted(0, 2, frames=10)


def on(lengths: list[int], grain: float = 0.0) -> np.ndarray:
    clip = np.repeat(DRAWINGS[: len(lengths)], lengths, axis=0)
    noise = np.random.default_rng(0).normal(0, grain, clip.shape) if grain else 0
    return np.clip(clip + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("grain", [0.0, 2.0, 6.0])
@pytest.mark.parametrize("lengths", [[2] * 10, [3] * 8, [2, 3, 2, 3, 2, 3, 2, 3], [1, 1, 4, 1, 1, 4, 1, 1]])
def test_each_drawing_is_shown_as_long_as_it_was_held(lengths, grain):
    assert hold_lengths(held_frames(on(lengths, grain))).tolist() == lengths


@pytest.mark.parametrize(("length", "rate"), [(1, 24.0), (2, 12.0), (3, 8.0)])
def test_drawings_a_second(length, rate):
    held = held_frames(on([length] * 10))
    assert drawing_rate(held, 24.0) == pytest.approx(rate, rel=0.01)
    assert drawing_rate(held[length // 2 :], 24.0) == pytest.approx(rate, rel=0.01)  # a cut through the first


def test_a_still_holds_one_drawing_and_motion_on_ones_none():
    still = held_frames(np.repeat(DRAWINGS[:1], 12, axis=0))
    assert still.all()
    assert drawing_rate(still, 24.0) == 0.0
    assert not held_frames(DRAWINGS).any()
    assert held_frames(DRAWINGS[:1]).shape == (0,)


def test_a_mouth_that_opens_in_a_still_picture_is_a_new_drawing():
    clip = np.repeat(np.full((1, 240, 320, 3), 200, np.uint8), 9, axis=0)
    clip[4:, 150:165, 150:175] = 60
    assert np.flatnonzero(~held_frames(clip)).tolist() == [3]
