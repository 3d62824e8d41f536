"""Wrappers that take a denoiser and return one, so they compose and samplers stay as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..domain.conditions import Hold
from ..domain.protocols import Denoiser

#: sigma -> scale.
Scale = Callable[[float], float]


def with_cfg(
    cond: Denoiser, uncond: Denoiser, scale: float | Scale, where_B1THW: Tensor | None = None
) -> Denoiser:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598); at scale 1 the second pass is skipped.

    `where_B1THW`: how much of it counts, 0..1 (None: all of it everywhere).
    """
    scale_at = scale if callable(scale) else lambda _: scale
    nowhere = where_B1THW is not None and not bool(where_B1THW.any())

    def guided(x: Tensor, sigma: float) -> Tensor:
        now = scale_at(sigma)
        if now == 1.0 or nowhere:
            return cond(x, sigma)
        base = uncond(x, sigma)
        answer = cond(x, sigma)
        full = base + now * (answer - base)
        return full if where_B1THW is None else only_where(where_B1THW, full, answer)

    return guided


def only_where(where_B1THW: Tensor, guided: Tensor, cond: Tensor) -> Tensor:
    return torch.lerp(cond, guided, where_B1THW.to(cond))


def left_open(given_BMTHW: Tensor) -> Tensor:
    """[B, 1, T, H, W], 0..1: 0 where something is given both before and after, or there, as between two keyframes or outside
    a motion area; 1 where the drawings decide nothing and the words must. From a packed given mask."""
    given = given_BMTHW.amax(dim=1, keepdim=True)
    before = given.cummax(dim=2).values
    after = given.flip(2).cummax(dim=2).values.flip(2)
    return 1.0 - before * after


def rising(gain: float, sigmas: Sequence[float], *, power: float = 5.0) -> Scale:
    """From 1 towards 1 + `gain` by a cosine over the steps of `sigmas`, late because of `power` (CogVideoX's dynamic cfg)."""
    steps = len(sigmas) - 1

    def scale(sigma: float) -> float:
        index = min(range(steps), key=lambda i: abs(sigmas[i] - sigma))
        return 1.0 + gain * (1.0 - math.cos(math.pi * (index / steps) ** power)) / 2.0

    return scale


def early(scale: float, *, above: float = 0.94) -> Scale:
    """`scale` at noise levels above `above`, where the motion is decided, then 1 (an interval as in Kynkäänniemi et al. 2024,
    arXiv 2404.07724)."""
    return lambda sigma: scale if sigma > above else 1.0


def authors_dynamic(
    gain: float, timestep_at: Callable[[float], int], *, steps: int = 50, power: float = 5.0
) -> Scale:
    """AniSora V1's curve to the letter: it takes the trained step (999..0) for the sampling step.

    The argument of the cosine then spans thousands of turns, so the scale jumps about between 1 and 1 + `gain`.
    """

    def scale(sigma: float) -> float:
        share = (steps - timestep_at(sigma)) / steps
        return 1.0 + gain * (1.0 - math.cos(math.pi * share**power)) / 2.0

    return scale


def with_hold(denoise: Denoiser, hold: Hold, noise: Tensor) -> Denoiser:
    """Way `hold`: where kept, the model sees the held latents at this noise level, and its estimate is theirs."""

    def held(x: Tensor, sigma: float) -> Tensor:
        kept = hold.latent_BCTHW.to(x) * (1.0 - sigma) + noise.to(x) * sigma
        keep = hold.keep_BCTHW.to(x)
        denoised = denoise(x + keep * (kept - x), sigma)
        return denoised + keep * (hold.latent_BCTHW.to(x) - denoised)

    return held
