"""Flicker, drift, detail and lines of clips in which each is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.fidelity import MOST_PSNR
from comfyui_anisora.anisora_core.evaluation.metrics.steadiness import (
    colour_drift,
    detail_kept,
    flicker,
    line_stability,
    static_psnr,
    static_shift,
    still_pixels,
    temporal_flickering,
)

from tests.known_clips import flat, ruled, shifted, sliding_square

EVERYWHERE = np.ones((96, 96), bool)
GROUND = np.clip(shifted(0, 0, frames=1)[0], 40, 200)


def of_levels(levels: list[int]) -> np.ndarray:
    """The ground, with so many levels added in each frame."""
    return np.stack([GROUND.astype(int) + level for level in levels]).astype(np.uint8)


def test_brightness_that_alternates_flickers_by_its_amplitude():
    assert flicker(of_levels([5, -5, 5, -5, 5]), EVERYWHERE) == pytest.approx(5.0, rel=0.01)


def test_an_even_fade_and_a_moving_square_do_not_flicker():
    assert flicker(of_levels([0, 4, 8, 12, 16]), EVERYWHERE) == pytest.approx(0.0, abs=0.01)
    assert flicker(sliding_square()) == pytest.approx(0.0, abs=0.01)
    assert np.isnan(flicker(of_levels([0, 1, 2]), ~EVERYWHERE)).all()


def test_what_moves_is_not_still():
    still = still_pixels(sliding_square())
    assert not still[22:38, 14:40].any()
    assert still[50:, :].all()


def test_vbench_flickering_by_its_formula():
    assert temporal_flickering(of_levels([0, 51, 0])) == pytest.approx(0.8)
    assert temporal_flickering(of_levels([0, 0])) == 1.0


def test_colour_drift_is_the_difference_in_lab():
    """Grey 119 has lightness 50.03 and 143 has 59.31 (CIE 15), the rest is 0."""
    clip = np.concatenate([flat((119,) * 3, side=96), flat((143,) * 3, side=96)])
    assert colour_drift(clip, clip[0], EVERYWHERE) == pytest.approx([0.0, 59.31 - 50.03], rel=0.01, abs=0.01)


def test_noise_and_motion_are_no_colour_drift():
    noise = np.random.default_rng(0).normal(0, 6, (3, *GROUND.shape))
    noisy = np.clip(GROUND + noise, 0, 255).round().astype(np.uint8)
    drift = colour_drift(noisy, GROUND, EVERYWHERE)
    assert drift.max() < 0.5
    assert static_shift(noisy, GROUND, EVERYWHERE).min() > 4.0
    clip = sliding_square()
    assert colour_drift(clip, clip[0], still_pixels(clip)) == pytest.approx(0.0, abs=1e-6)


def test_static_shift_and_psnr_by_their_formulas():
    clip = of_levels([0, 3, -6])
    assert static_shift(clip, GROUND, EVERYWHERE) == pytest.approx([0.0, 3.0, 6.0])
    expected = [MOST_PSNR, 20 * np.log10(255 / 3), 20 * np.log10(255 / 6)]
    assert static_psnr(clip, GROUND, EVERYWHERE) == pytest.approx(expected, abs=1e-4)
    assert np.isnan(static_shift(clip, GROUND, ~EVERYWHERE)).all()


def test_detail_is_lost_by_blur_and_kept_by_a_shift_of_colour():
    blurred = cv2.GaussianBlur(GROUND, (0, 0), 2.0)
    kept = detail_kept(np.stack([GROUND, blurred, GROUND + 5]), GROUND, EVERYWHERE)
    assert kept[[0, 2]] == pytest.approx(1.0, rel=0.01)
    assert kept[1] < 0.5
    half = 128 + (GROUND.astype(int) - 128) // 2  # half the contrast, a quarter of the energy
    assert detail_kept(half[None].astype(np.uint8), GROUND, EVERYWHERE) == pytest.approx(0.25, rel=0.25)


def test_lines_that_stay_and_lines_that_come_and_go():
    lines = ruled(2, side=96)[0]
    assert line_stability(np.stack([lines] * 3)) == pytest.approx(1.0, rel=0.01)
    grey = ruled(2, ink=128, side=96)[0]  # half as dark: (255 - 128) / 255 of the line is in both
    assert line_stability(np.stack([lines, grey])) == pytest.approx(127 / 255, rel=0.01)
    gone = flat((255,) * 3, side=96)[0]
    assert line_stability(np.stack([lines, gone])) == pytest.approx(0.0, abs=0.01)
    assert np.isnan(line_stability(np.stack([gone, gone]))).all()


def test_a_line_that_moves_is_stable():
    drawing = flat((255,) * 3, side=160)[0]
    cv2.circle(drawing, (60, 80), 30, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.line(drawing, (60, 50), (80, 20), (0, 0, 0), 3, cv2.LINE_AA)
    moved = np.stack([np.roll(drawing, 2 * frame, axis=1) for frame in range(4)])
    boiling = moved.copy()
    boiling[1::2] = 255 - (255 - boiling[1::2]) // 3
    assert line_stability(moved).min() > 0.9
    assert line_stability(boiling).max() < 0.5
