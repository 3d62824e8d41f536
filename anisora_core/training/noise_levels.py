"""Which noise levels a training draws, and how often each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

from ..diffusion.schedules import shift_sigma

TimestepSampling = Literal["uniform", "logit_normal", "shift", "sampler"]
TIMESTEP_SAMPLINGS: tuple[TimestepSampling, ...] = get_args(TimestepSampling)


@dataclass(frozen=True)
class NoiseLevels:
    """Evenly drawn u in 0..1 -> sigma in `low`..`high`, rising with u.

    `sampler`: only those of `sigmas`, in rising order, that lie in that range; sampling asks for no others. ValueError where
    there are none.

    `logit_normal`: most in the middle (Esser et al. 2024, arXiv 2403.03206, section 3.1; location 0, scale 1). `shift`: their
    equation 23, as the release samples. Each of two experts has its own range, and the density of the whole within it.
    """

    sampling: TimestepSampling
    shift: float
    low: float = 0.0
    high: float = 1.0
    sigmas: Sequence[float] = ()

    def __call__(self, u: float) -> float:
        if self.sampling == "sampler":
            inside = [sigma for sigma in self.sigmas if self.low < sigma <= self.high]
            if not inside:
                raise ValueError(
                    f"timestep_sampling sampler: none of its noise levels is in {self.low}..{self.high}; "
                    "use shift, or another shift"
                )
            return inside[min(int(u * len(inside)), len(inside) - 1)]
        first, last = self._place(self.low), self._place(self.high)
        return self._level(first + (last - first) * u)

    def _level(self, u: float) -> float:
        if self.sampling == "shift":
            return shift_sigma(u, self.shift)
        if self.sampling == "logit_normal":
            return 1.0 / (1.0 + math.exp(-NormalDist().inv_cdf(min(max(u, 1e-6), 1.0 - 1e-6))))
        return u

    def _place(self, sigma: float) -> float:
        """The u of a sigma."""
        if self.sampling == "shift":
            return shift_sigma(sigma, 1.0 / self.shift)
        if self.sampling == "logit_normal" and 0.0 < sigma < 1.0:
            return NormalDist().cdf(math.log(sigma / (1.0 - sigma)))
        return sigma
