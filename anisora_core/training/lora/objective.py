"""What a step of LoRA training minimises: the network's own prediction, flow or velocity, at drawn noise levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Literal

import torch
from torch import Tensor, nn

from ...diffusion.schedules import TRAINED_STEPS, shift_sigma
from ...domain.conditions import Guide
from ...domain.release import Release
from ...families import VideoTransformer, family_of
from ...generation.sampling import conditioned
from ...lora.trainable import Adapters

Timesteps = Literal["uniform", "logit_normal", "shift", "sampler"]
TIMESTEPS: tuple[Timesteps, ...] = ("uniform", "logit_normal", "shift", "sampler")


@dataclass(frozen=True)
class NoiseLevels:
    """Evenly drawn u in 0..1 -> sigma in `low`..`high`, rising with u.

    `sampler`: of `sigmas`, in rising order, those in that range, and no other: all that is learned is what sampling asks for.
    ValueError where there are none.

    `logit_normal`: most in the middle (Esser et al. 2024, arXiv 2403.03206, section 3.1; location 0, scale 1). `shift`: their
    equation 23, as the release samples. An expert of two has its own range, and the density there of the whole.
    """

    way: Timesteps
    shift: float
    low: float = 0.0
    high: float = 1.0
    sigmas: Sequence[float] = ()

    def __call__(self, u: float) -> float:
        if self.way == "sampler":
            own = [sigma for sigma in self.sigmas if self.low < sigma <= self.high]
            if not own:
                raise ValueError(
                    f"timesteps sampler: none of its noise levels is in {self.low}..{self.high}; use shift, or another shift"
                )
            return own[min(int(u * len(own)), len(own) - 1)]
        first, last = self._place(self.low), self._place(self.high)
        return self._level(first + (last - first) * u)

    def _level(self, u: float) -> float:
        if self.way == "shift":
            return shift_sigma(u, self.shift)
        if self.way == "logit_normal":
            return 1.0 / (1.0 + math.exp(-NormalDist().inv_cdf(min(max(u, 1e-6), 1.0 - 1e-6))))
        return u

    def _place(self, sigma: float) -> float:
        """The u of a sigma."""
        if self.way == "shift":
            return shift_sigma(sigma, 1.0 / self.shift)
        if self.way == "logit_normal" and 0.0 < sigma < 1.0:
            return NormalDist().cdf(math.log(sigma / (1.0 - sigma)))
        return sigma


@dataclass(frozen=True)
class LoraObjective:
    """MSE of the prediction, while the adapters act on the network. Noise, level and dropout belong to a clip by its key, whatever batch or process it is in.

    A batch with `plain` text is asked to be what the network without adapters says to that text, which keeps it as it was. No noise
    is in that answer, so errors are small, and count `prior_weight` times. `given_weight`: how much more an error counts where the
    mask says given, as in mini's own training.
    """

    network: VideoTransformer
    release: Release
    levels: NoiseLevels
    given_weight: float = 2.0
    prior_weight: float = 4.0

    def __call__(
        self, model: nn.Module, batch: dict[str, Tensor], rng: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        adapters = model
        assert isinstance(adapters, Adapters)
        x0 = batch["latent"]
        keys = [int(key) for key in batch["key"]]
        noise = torch.stack([keyed_noise(key, x0.shape[1:]) for key in keys]).to(x0)
        predicted = family_of(self.release).prediction(self.release, TRAINED_STEPS)
        x, timestep_B, target = predicted.training_point(x0, noise, batch["level"], self.levels)
        guide = Guide(batch["guide"], batch["mask"])
        predict = partial(conditioned, self.network, guide, image_BLD=batch.get("image"))
        if "plain" in batch:
            with torch.no_grad(), adapters.off():
                target = predict(batch["plain"])(x, timestep_B).float()
        adapters.keys = keys  # until the next batch: going back may compute blocks again
        out = predict(batch["text"])(x, timestep_B).float()
        weight = 1.0 + self.given_weight * share_given(guide.mask_BMTHW)
        error = (weight * (out - target).square()).mean()
        if "plain" in batch:
            error = self.prior_weight * error
        return error, {"level": float(batch["level"].mean())}


def share_given(mask_BMTHW: Tensor) -> Tensor:
    """[B, 1, T, H, W], 0..1: of each latent's frames, those given; 0 for releases without a mask."""
    return mask_BMTHW.float().sum(dim=1, keepdim=True) / max(1, mask_BMTHW.shape[1])


def keyed_noise(key: int, shape: torch.Size) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(key))
