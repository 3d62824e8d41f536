"""Squared errors and PSNR by their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.fidelity import SquaredError, pooled, squared_error


@pytest.mark.parametrize(("difference", "psnr"), [(1, 48.1308), (51, 13.9794), (255, 0.0)])
def test_psnr_of_a_constant_difference(difference, psnr):
    """20 log10(255 / difference)."""
    black = np.zeros((2, 4, 4, 3), np.uint8)
    assert squared_error(black + np.uint8(difference), black).psnr == pytest.approx(psnr, abs=1e-4)
    assert squared_error(black, black + np.uint8(difference)).psnr == pytest.approx(psnr, abs=1e-4)


def test_psnr_of_noise_is_that_of_its_variance():
    noise = np.random.default_rng(0).integers(-20, 21, (4, 64, 64, 3))
    grey = np.full_like(noise, 128)
    made = (grey + noise).astype(np.uint8)
    expected = 10 * np.log10(255**2 / np.mean(noise.astype(float) ** 2))
    assert squared_error(made, grey.astype(np.uint8)).psnr == pytest.approx(expected, abs=1e-3)


def test_only_masked_pixels_count():
    truth, made = np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 4, 4, 3), np.uint8)
    made[:, 0, 0] = 255
    where = np.zeros((2, 4, 4), bool)
    where[0, 0, :2] = True
    assert squared_error(made, truth, where) == SquaredError(3.0, 6)
    assert squared_error(made, truth, ~where).count == (32 - 2) * 3
    assert np.isnan(squared_error(made, truth, np.zeros_like(where)).psnr)


def test_errors_pool_by_pixels():
    black, grey = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 51, np.uint8)
    assert squared_error(black, black).psnr == float("inf")
    assert np.isnan(SquaredError().psnr)
    both = [squared_error(black, grey), squared_error(black, black)]
    assert pooled(both).psnr == pytest.approx(10 * np.log10(2 / 0.2**2))
    assert pooled([]) == SquaredError()
