"""What a network predicts, for sampling and training alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..domain.protocols import Denoiser
from .schedules import (
    alpha_of_sigma,
    cogvideox_alphas,
    cogvideox_sigmas,
    cogvideox_timesteps,
    zero_terminal_snr,
)

#: x_BCTHW, timestep_B (0..1000) -> velocity_BCTHW.
VelocityModel = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Flow:
    """Rectified flow (Liu et al. 2022, arXiv 2209.03003): x = (1 - sigma) x0 + sigma noise; predicts noise - x0.

    `truncate_timestep`: Wan's own scheduler hands int(1000 sigma) to the network.
    """

    truncate_timestep: bool = False

    def timestep(self, sigma: float) -> float:
        return float(int(1000.0 * sigma)) if self.truncate_timestep else 1000.0 * sigma

    def add_noise(self, x0: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        return torch.lerp(x0, noise, sigma)

    def target(self, x0: Tensor, noise: Tensor) -> Tensor:
        return noise - x0

    def denoised(self, x: Tensor, sigma: float, out: Tensor) -> Tensor:
        return x - sigma * out

    def denoiser(self, model: VelocityModel) -> Denoiser:
        def denoise(x: Tensor, sigma: float) -> Tensor:
            timestep = torch.full((x.shape[0],), self.timestep(sigma), device=x.device)
            return self.denoised(x, sigma, model(x, timestep).to(x.dtype))

        return denoise


@dataclass(frozen=True)
class Velocity:
    """v-prediction (Salimans and Ho 2022, arXiv 2202.00512, appendix D) on `steps` of CogVideoX's 1000 trained steps.

    x_vp = alpha x0 + s noise with s = sqrt(1 - alpha^2); predicts alpha noise - s x0. Outside, states are the flow's
    (`sigma_of_alpha`). As in AniSora V1 the network is told the trained step, and alpha is rounded to that of one.
    """

    steps: int

    def timestep(self, sigma: float) -> int:
        sigmas = cogvideox_sigmas(self.steps)[:-1]
        return cogvideox_timesteps(self.steps)[min(range(len(sigmas)), key=lambda i: abs(sigmas[i] - sigma))]

    def rounded_alpha(self, sigma: float) -> float:
        alpha = alpha_of_sigma(sigma)
        return min(zero_terminal_snr(cogvideox_alphas()), key=lambda known: abs(known - alpha))

    def denoised(self, x: Tensor, sigma: float, out: Tensor) -> Tensor:
        alpha = self.rounded_alpha(sigma)
        return alpha * to_vp(x, sigma) - (1.0 - alpha * alpha) ** 0.5 * out

    def output(self, x: Tensor, sigma: float, denoised: Tensor) -> Tensor:
        """What the network said, from the estimate: the inverse of `denoised`."""
        alpha = self.rounded_alpha(sigma)
        return (alpha * to_vp(x, sigma) - denoised) / (1.0 - alpha * alpha) ** 0.5

    def denoiser(self, model: VelocityModel) -> Denoiser:
        def denoise(x: Tensor, sigma: float) -> Tensor:
            timestep = torch.full((x.shape[0],), self.timestep(sigma), device=x.device)
            return self.denoised(x, sigma, model(to_vp(x, sigma), timestep).to(x.dtype))

        return denoise


def to_vp(x: Tensor, sigma: float) -> Tensor:
    return x / math.hypot(1.0 - sigma, sigma)
