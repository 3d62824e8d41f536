"""Frechet distances against scipy's matrix square root in float64, known Gaussians, and the bias of small samples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from comfyui_anisora.anisora_core.evaluation.metrics.frechet import (
    Gaussian,
    fit_gaussian,
    frechet_distance,
    sampling_bias,
)


def reference(a: np.ndarray, b: np.ndarray) -> float:
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second)
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first + second - 2 * np.real(root)))


@pytest.mark.parametrize("features", [2, 16, 64])
def test_as_scipy_has_it(features):
    rng = np.random.default_rng(features)
    mixing = rng.normal(size=(features, features))
    a = rng.normal(size=(300, features)) @ mixing
    b = rng.normal(0.3, 1.5, size=(200, features)) @ mixing.T
    found = frechet_distance(fit_gaussian(a), fit_gaussian(b))
    assert found == pytest.approx(reference(a, b), rel=1e-5)
    assert found == pytest.approx(frechet_distance(fit_gaussian(b), fit_gaussian(a)), rel=1e-9)


def test_gaussians_whose_distance_is_known():
    """Of two diagonal ones: |m1 - m2|^2 + the sum of (s1 - s2)^2."""
    a = Gaussian(np.array([0.0, 1.0]), np.diag([4.0, 9.0]), 10)
    b = Gaussian(np.array([3.0, 1.0]), np.diag([1.0, 16.0]), 10)
    assert frechet_distance(a, b) == pytest.approx(9.0 + 1.0 + 1.0)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)


def test_fewer_samples_than_features_have_a_distance():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 40))
    found = frechet_distance(fit_gaussian(a), fit_gaussian(b))
    assert np.isfinite(found)
    assert found > 10.0
    assert frechet_distance(fit_gaussian(a), fit_gaussian(a)) == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ValueError, match="at least 2 are needed"):
        fit_gaussian(a[:1])


def test_the_bias_of_small_samples_is_foretold():
    rng = np.random.default_rng(3)
    scales = np.array([1.0, 2.0, 0.5, 1.5])
    found = [
        frechet_distance(*(fit_gaussian(rng.normal(size=(count, 4)) * scales) for count in (200, 100)))
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(sampling_bias(np.diag(scales**2), 200, 100), rel=0.08)
