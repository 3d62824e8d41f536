"""Wrappers that take a denoiser and return one, so they compose and samplers stay as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..domain.conditions import LatentLock
from ..domain.latents import NormalizedLatent
from ..domain.protocols import Denoiser

#: sigma -> scale.
Scale = Callable[[float], float]


@dataclass(frozen=True)
class GuidanceRule:
    """How strongly guidance acts at a noise level, and where: `where_B1THW` 0..1, None for everywhere."""

    scale: float | Scale
    where_B1THW: Tensor | None = None

    @cached_property
    def acts_nowhere(self) -> bool:
        return self.where_B1THW is not None and not bool(self.where_B1THW.any())

    def at(self, sigma: float) -> float:
        """1 where the pass without text is not needed."""
        if self.acts_nowhere:
            return 1.0
        return self.scale(sigma) if callable(self.scale) else self.scale

    def placed(self, guided: Tensor, cond: Tensor) -> Tensor:
        """The guided estimate where guidance acts, that of the prompt alone elsewhere."""
        return guided if self.where_B1THW is None else torch.lerp(cond, guided, self.where_B1THW.to(cond))


def with_cfg(cond: Denoiser, uncond: Denoiser, rule: GuidanceRule) -> Denoiser:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598); at scale 1 the second pass is skipped."""

    def guided(x: Tensor, sigma: float) -> Tensor:
        scale = rule.at(sigma)
        if scale == 1.0:
            return cond(x, sigma)
        base = uncond(x, sigma)
        answer = cond(x, sigma)
        return rule.placed(base + scale * (answer - base), answer)

    return guided


def unconstrained(given_BMTHW: Tensor) -> Tensor:
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


def v1_reference(
    gain: float, timestep_at: Callable[[float], int], *, steps: int = 50, power: float = 5.0
) -> Scale:
    """AniSora V1's curve to the letter: it takes the trained step (999..0) for the sampling step.

    The argument of the cosine then spans thousands of turns, so the scale jumps about between 1 and 1 + `gain`.
    """

    def scale(sigma: float) -> float:
        share = (steps - timestep_at(sigma)) / steps
        return 1.0 + gain * (1.0 - math.cos(math.pi * share**power)) / 2.0

    return scale


def with_latent_lock(denoise: Denoiser, lock: LatentLock[NormalizedLatent], noise: Tensor) -> Denoiser:
    """Where kept, the model sees the locked latents at this noise level, and its estimate is theirs."""

    def held(x: Tensor, sigma: float) -> Tensor:
        kept = lock.latent_BCTHW.to(x) * (1.0 - sigma) + noise.to(x) * sigma
        keep = lock.keep_BCTHW.to(x)
        denoised = denoise(x + keep * (kept - x), sigma)
        return denoised + keep * (lock.latent_BCTHW.to(x) - denoised)

    return held
