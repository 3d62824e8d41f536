"""Noise levels: `sigmas` are n + 1 descending values that end at 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
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


TRAINED_STEPS = 1000


@lru_cache(maxsize=1)
def cogvideox_alphas() -> tuple[float, ...]:
    """sqrt(alpha_cumprod) of CogVideoX's 1000 training steps: scaled-linear betas 0.00085 to 0.012, no SNR shift.

    In float32 from the product on, as upstream's tables are.
    """
    betas = np.linspace(0.00085**0.5, 0.012**0.5, TRAINED_STEPS, dtype=np.float64) ** 2
    return tuple(np.sqrt(np.cumprod(1.0 - betas).astype(np.float32)).tolist())


def zero_terminal_snr(alphas: Sequence[float]) -> tuple[float, ...]:
    """Shift and scale so that the last is 0 and the first stays (Lin et al. 2023, arXiv 2305.08891, algorithm 1)."""
    table = np.asarray(alphas, np.float32)
    return tuple(((table - table[-1]) * (table[0] / (table[0] - table[-1]))).tolist())


def sigma_of_alpha(alpha: float) -> float:
    """Variance-preserving x = alpha x0 + sqrt(1 - alpha^2) noise, divided by the sum of both factors, is a point of the
    flow x = (1 - sigma) x0 + sigma noise; this is its sigma. So one set of samplers serves both families."""
    noise = (1.0 - alpha * alpha) ** 0.5
    return noise / (alpha + noise)


def alpha_of_sigma(sigma: float) -> float:
    """The inverse of `sigma_of_alpha`."""
    return (1.0 - sigma) / math.hypot(1.0 - sigma, sigma)


def cogvideox_timesteps(steps: int) -> tuple[int, ...]:
    """Trained steps that `steps` sampling steps visit, from 999 down. ValueError outside 1 to 1000."""
    if not 1 <= steps <= TRAINED_STEPS:
        raise ValueError(f"steps {steps} must be 1 to {TRAINED_STEPS}")
    return tuple(np.linspace(TRAINED_STEPS - 1, 0, steps, endpoint=False).astype(int).tolist())


def cogvideox_sigmas(steps: int) -> tuple[float, ...]:
    """Flow sigmas from 1 to 0. The zero-SNR rescale is of the visited steps alone, as AniSora V1's sampler does it."""
    if steps == 1:
        return 1.0, 0.0
    table = cogvideox_alphas()
    visited = zero_terminal_snr([table[t] for t in reversed(cogvideox_timesteps(steps))])
    return (*(sigma_of_alpha(alpha) for alpha in reversed(visited)), 0.0)
