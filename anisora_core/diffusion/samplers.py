"""Samplers as generators of steps. Each sees a denoiser (x, sigma) -> x0 and descending sigmas that end at 0.

For flow, alpha = 1 - sigma and lambda = log(alpha / sigma).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from torch import Tensor

from ..domain.protocols import Denoiser, Step

#: Fresh standard normal noise of x's shape, each time it is called.
Noise = Callable[[], Tensor]


class Sampler(Protocol):
    """Every sampler has this form; those that add no noise on the way never ask for it."""

    def __call__(
        self, denoise: Denoiser, x: Tensor, sigmas: Sequence[float], noise: Noise = ...
    ) -> Iterator[Step]: ...


def no_noise() -> Tensor:
    raise AssertionError("this sampler needs a noise function; pass `noise`")


def half_log_snr(sigma: float) -> float:
    if sigma <= 0.0:
        return math.inf
    return math.log((1.0 - sigma) / sigma) if sigma < 1.0 else -math.inf


def euler(denoise: Denoiser, x: Tensor, sigmas: Sequence[float], noise: Noise = no_noise) -> Iterator[Step]:
    """First order."""
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        x = x + (x - denoised) * ((sigma_next - sigma) / sigma)
        yield Step(i, len(sigmas) - 1, x, denoised)


def heun(denoise: Denoiser, x: Tensor, sigmas: Sequence[float], noise: Noise = no_noise) -> Iterator[Step]:
    """Second order, two evaluations a step but the last (Karras et al. 2022, arXiv 2206.00364, algorithm 1)."""
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        slope = (x - denoised) / sigma
        moved = x + slope * (sigma_next - sigma)
        if sigma_next > 0.0:
            slope_next = (moved - denoise(moved, sigma_next)) / sigma_next
            moved = x + (slope + slope_next) * (0.5 * (sigma_next - sigma))
        x = moved
        yield Step(i, len(sigmas) - 1, x, denoised)


def dpmpp_2m(
    denoise: Denoiser, x: Tensor, sigmas: Sequence[float], noise: Noise = no_noise
) -> Iterator[Step]:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2); the first and last step are first order."""
    previous: Tensor | None = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        h = half_log_snr(sigma_next) - half_log_snr(sigma)
        estimate = denoised
        if previous is not None and sigma_next > 0.0:
            r = (half_log_snr(sigma) - half_log_snr(sigmas[i - 1])) / h
            estimate = denoised + (denoised - previous) / (2.0 * r)
        x = (sigma_next / sigma) * x - (1.0 - sigma_next) * math.expm1(-h) * estimate
        previous = denoised
        yield Step(i, len(sigmas) - 1, x, denoised)


def unipc(denoise: Denoiser, x: Tensor, sigmas: Sequence[float], noise: Noise = no_noise) -> Iterator[Step]:
    """UniPC of order 2 with B(h) = expm1(h), x0 prediction, corrector from the second step on, last step of order 1.

    Zhao et al. 2023 (arXiv 2302.04867), algorithms 5 and 6, as Wan's scheduler sets it.
    """
    total = len(sigmas) - 1
    x_before, outputs, order = x, list[Tensor](), 1
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        if i > 0:
            x = unipc_correct(x_before, denoised, outputs, sigmas[: i + 1], order)
        outputs = [*outputs[-1:], denoised]
        order = 1 if len(outputs) < 2 or i == total - 1 or sigmas[i - 1] >= 1.0 else 2
        x_before = x
        x = unipc_predict(x, outputs, (*sigmas[: i + 1], sigma_next), order)
        yield Step(i, total, x, denoised)


def unipc_predict(x: Tensor, outputs: Sequence[Tensor], sigmas: Sequence[float], order: int) -> Tensor:
    """One predictor step from sigmas[-2] to sigmas[-1]; outputs[-1] is the estimate at sigmas[-2]."""
    sigma, sigma_next = sigmas[-2], sigmas[-1]
    h = half_log_snr(sigma_next) - half_log_snr(sigma)
    alpha_b = (1.0 - sigma_next) * math.expm1(-h)
    x_next = (sigma_next / sigma) * x - alpha_b * outputs[-1]
    if order == 2:
        r = (half_log_snr(sigmas[-3]) - half_log_snr(sigma)) / h
        x_next = x_next - (0.5 * alpha_b / r) * (outputs[-2] - outputs[-1])
    return x_next


def unipc_correct(
    x_before: Tensor, denoised: Tensor, outputs: Sequence[Tensor], sigmas: Sequence[float], order: int
) -> Tensor:
    """Redo the step from sigmas[-2] to sigmas[-1], now that the estimate at its end is known."""
    sigma, sigma_now = sigmas[-2], sigmas[-1]
    h = half_log_snr(sigma_now) - half_log_snr(sigma)
    b = math.expm1(-h)
    alpha_b = (1.0 - sigma_now) * b
    x = (sigma_now / sigma) * x_before - alpha_b * outputs[-1]
    now = denoised - outputs[-1]
    if order == 1:
        return x - (0.5 * alpha_b) * now
    phi_1 = b / -h - 1.0
    phi_2 = phi_1 / -h - 0.5
    r = (half_log_snr(sigmas[-3]) - half_log_snr(sigma)) / h
    weights = np.linalg.solve(np.array([[1.0, 1.0], [r, 1.0]]), np.array([phi_1 / b, 2.0 * phi_2 / b]))
    earlier = (outputs[-2] - outputs[-1]) / r
    return x - alpha_b * (float(weights[0]) * earlier + float(weights[1]) * now)


def sde_dpmpp_2m(
    denoise: Denoiser, x: Tensor, sigmas: Sequence[float], noise: Noise = no_noise
) -> Iterator[Step]:
    """SDE-DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, section 4.3) as CogVideoX runs it, on the sphere
    alpha^2 + s^2 = 1; fresh noise is added in every step but the last."""
    previous: Tensor | None = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next <= 0.0:
            x = denoised
        else:
            h = half_log_snr(sigma_next) - half_log_snr(sigma)
            estimate = denoised
            if previous is not None and math.isfinite(
                r := (half_log_snr(sigma) - half_log_snr(sigmas[i - 1])) / h
            ):
                estimate = denoised + (denoised - previous) / (2.0 * r)
            x = (
                (sigma_next / sigma) * math.exp(-h) * x
                - (1.0 - sigma_next) * math.expm1(-2.0 * h) * estimate
                + sigma_next * math.sqrt(-math.expm1(-2.0 * h)) * noise()
            )
        previous = denoised
        yield Step(i, len(sigmas) - 1, x, denoised)


#: `optimal` is Euler over a release's list of steps.
SAMPLERS: dict[str, Sampler] = {
    "unipc": unipc,
    "euler": euler,
    "heun": heun,
    "dpmpp_2m": dpmpp_2m,
    "sde_dpmpp_2m": sde_dpmpp_2m,
    "optimal": euler,
}
#: Where a sampler's grid of Wan's own scheduler starts.
GRID_START = {"unipc": 0.999, "euler": 1.0, "heun": 1.0, "dpmpp_2m": 1.0}
