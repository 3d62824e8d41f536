"""Confidence intervals of means by the percentile bootstrap (Efron and Tibshirani 1993, chapter 13)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Resamples, and the share of them inside an interval.
_RESAMPLES, _SHARE = 2000, 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over `count` clips with the ends of its 95 % interval; both are the mean for a single clip."""

    mean: float
    low: float
    high: float
    count: int


def estimate(values: np.ndarray) -> Estimate | None:
    """Of the values that are finite; the same for the same values. None when there are none."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return None
    rng = np.random.default_rng(0)
    means = finite[rng.integers(0, len(finite), (_RESAMPLES, len(finite)))].mean(1)
    low, high = np.quantile(means, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
    return Estimate(float(finite.mean()), float(low), float(high), len(finite))


def difference(values: np.ndarray, others: np.ndarray) -> Estimate | None:
    """Of `values` above `others` of the same clips, pair by pair."""
    return estimate(np.asarray(values, np.float64) - np.asarray(others, np.float64))
