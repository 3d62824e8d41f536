"""PSNR, SSIM and L1 against scikit-image, which the test extra installs, and against values that it once gave."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.fidelity import MOST_PSNR, frame_psnr, l1, ssim

from tests.known_clips import flat, shifted


def pair(seed: int, noise: int) -> tuple[np.ndarray, np.ndarray]:
    truth = shifted(0, 1, frames=3, side=48, seed=seed)
    added = np.random.default_rng(seed).integers(-noise, noise + 1, truth.shape)
    return np.clip(truth.astype(int) + added, 0, 255).astype(np.uint8), truth


@pytest.mark.parametrize(("seed", "noise"), [(0, 1), (1, 20), (2, 200)])
def test_as_scikit_image_has_them(seed, noise):
    measures = pytest.importorskip("skimage.metrics", reason="scikit-image is in the extra `test`")
    made, truth = pair(seed, noise)
    expected = [
        measures.peak_signal_noise_ratio(t, m, data_range=255) for t, m in zip(truth, made, strict=True)
    ]
    assert frame_psnr(made, truth) == pytest.approx(expected, abs=1e-5)
    for one, other in zip(made, truth, strict=True):
        similar = measures.structural_similarity(
            other, one, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )  # fmt: skip
        assert ssim(one, other) == pytest.approx(similar, abs=1e-5)


def test_ssim_of_two_plain_colours_is_that_of_their_means():
    """Equation 13 of Wang et al. without variance: (2 a b + C1) / (a^2 + b^2 + C1)."""
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert ssim(flat((100,) * 3)[0], flat((150,) * 3)[0]) == pytest.approx(expected, abs=1e-9)


def test_ends_of_the_scales():
    made, truth = pair(0, 20)
    assert ssim(truth[0], truth[0]) == 1.0
    assert ssim(made[0], truth[0]) < 0.99
    assert (frame_psnr(truth, truth) == MOST_PSNR).all()
    black, white = flat((0, 0, 0)), flat((255, 255, 255))
    assert l1(black, white) == 1.0
    assert l1(black, flat((51, 0, 0))) == pytest.approx(0.2 / 3)
    with pytest.raises(ValueError, match="SSIM of 8x8 pixels: its window is 11x11"):
        ssim(flat((0, 0, 0), side=8)[0], flat((0, 0, 0), side=8)[0])
