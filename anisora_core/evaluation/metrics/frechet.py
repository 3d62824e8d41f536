"""The Frechet distance between two sets of features: FID on Inception's (Heusel et al. 2017), FVD on I3D's (Unterthiner et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Gaussian:
    """Fitted to features: mean [D] and covariance [D, D] in float64, of `count` rows."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int


def fit_gaussian(features_ND: np.ndarray) -> Gaussian:
    """Unbiased covariance, as the published programs have it. ValueError for fewer than two rows."""
    if len(features_ND) < 2:
        raise ValueError(f"a Frechet distance of {len(features_ND)} samples: at least 2 are needed")
    features = np.asarray(features_ND, np.float64)
    return Gaussian(
        features.mean(0),
        np.cov(features, rowvar=False, ddof=1).reshape(2 * features.shape[1:]),
        len(features),
    )


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), 0 or more (Dowson and Landau 1982).

    tr (C1 C2)^(1/2) is the sum of the square roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric: no part of it is complex, also where there are
    fewer samples than features.
    """
    apart = float(np.square(a.mean - b.mean).sum())
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = root @ b.covariance @ root
    both = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2), 0.0)).sum()
    return max(0.0, apart + float(np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * both))


def sampling_bias(covariance: np.ndarray, count: int, other_count: int) -> float:
    """How far the distance of two sets of one and the same Gaussian lies above 0 in the mean over samples, to first order in 1 / count.

    (1 / n + 1 / m) times tr C, from the means, and half of tr C / 2 + the sum over i and j of l_i l_j / (l_i + l_j) for the eigenvalues l of C, from the covariances: the second
    derivative of the Bures distance under Wishart noise. For many more samples than features. Chong and Forsyth (2020) describe the effect.
    """
    values = np.maximum(np.linalg.eigvalsh(covariance), 0.0)
    sums = values[:, None] + values
    products = np.divide(np.outer(values, values), sums, out=np.zeros_like(sums), where=sums > 0)
    return float((1.25 * values.sum() + products.sum() / 2) * (1 / count + 1 / other_count))
