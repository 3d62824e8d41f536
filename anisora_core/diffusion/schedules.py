"""Noise levels: `sigmas` are n + 1 descending values that end at 0."""

from __future__ import annotations

import torch


def shift_sigma(sigma: float, shift: float) -> float:
    """Time shift (Esser et al. 2024, arXiv 2403.03206, equation 23): more steps at high noise for shift > 1."""
    return shift * sigma / (1.0 + (shift - 1.0) * sigma)


def flow_sigmas(steps: int, shift: float, *, start: float = 1.0) -> tuple[float, ...]:
    """Even steps from `start` (above 0, at most 1), shifted, then 0. ValueError for settings outside their range.

    Wan's UniPC grid has start 0.999, its DPM++ grid 1.0.
    """
    if steps < 1:
        raise ValueError(f"steps {steps} must be at least 1")
    if shift <= 0:
        raise ValueError(f"shift {shift} must be above 0")
    even = torch.linspace(start, 0.0, steps + 1, dtype=torch.float64)[:-1].tolist()
    return (*(shift_sigma(sigma, shift) for sigma in even), 0.0)
