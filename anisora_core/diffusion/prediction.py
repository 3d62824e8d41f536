"""What a network predicts, for sampling and training alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from ..domain.protocols import Denoiser, VelocityModel
from .schedules import (
    TRAINED_STEPS,
    alpha_of_sigma,
    cogvideox_alphas,
    cogvideox_sigmas,
    cogvideox_timesteps,
    zero_terminal_snr,
)

#: Evenly drawn u in 0..1 -> sigma.
NoiseLevel = Callable[[float], float]


class Prediction(Protocol):
    """Between noise levels (sigma of the flow, 1 is noise alone) and what a kind of network is shown and answers."""

    #: modelspec's word for it.
    name: ClassVar[str]

    def timestep(self, sigma: float) -> float:
        """The timestep that the network is given."""
        ...

    def network_input(self, x: Tensor, sigma: float) -> Tensor:
        """The sampler's state as the network is shown it."""
        ...

    def denoised(self, x: Tensor, sigma: float, out: Tensor) -> Tensor:
        """The clean estimate, from the sampler's state and the network's answer."""
        ...

    def training_point(
        self, x0: Tensor, noise: Tensor, level_B: Tensor, sigma_of: NoiseLevel
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(what the network is shown, timestep_B, what it should answer) at evenly drawn levels 0..1."""
        ...


def denoiser(predicted: Prediction, model: VelocityModel) -> Denoiser:
    """A network as samplers see it."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        timestep = torch.full((x.shape[0],), predicted.timestep(sigma), device=x.device)
        return predicted.denoised(x, sigma, model(predicted.network_input(x, sigma), timestep).to(x.dtype))

    return denoise


@dataclass(frozen=True)
class Flow:
    """Rectified flow (Liu et al. 2022, arXiv 2209.03003): x = (1 - sigma) x0 + sigma noise; predicts noise - x0.

    `truncate_timestep`: Wan's own scheduler hands int(1000 sigma) to the network.
    """

    truncate_timestep: bool = False
    name: ClassVar[str] = "flow"

    def timestep(self, sigma: float) -> float:
        return float(int(1000.0 * sigma)) if self.truncate_timestep else 1000.0 * sigma

    def add_noise(self, x0: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        return torch.lerp(x0, noise, sigma)

    def target(self, x0: Tensor, noise: Tensor) -> Tensor:
        return noise - x0

    def network_input(self, x: Tensor, sigma: float) -> Tensor:
        return x

    def denoised(self, x: Tensor, sigma: float, out: Tensor) -> Tensor:
        return x - sigma * out

    def training_point(
        self, x0: Tensor, noise: Tensor, level_B: Tensor, sigma_of: NoiseLevel
    ) -> tuple[Tensor, Tensor, Tensor]:
        sigmas = [sigma_of(float(level)) for level in level_B]
        sigma_B = torch.tensor(sigmas, device=x0.device)
        timestep_B = torch.tensor([self.timestep(sigma) for sigma in sigmas], device=x0.device)
        return self.add_noise(x0, noise, per_clip(sigma_B)), timestep_B, self.target(x0, noise)


@dataclass(frozen=True)
class Velocity:
    """v-prediction (Salimans and Ho 2022, arXiv 2202.00512, appendix D) on `steps` of CogVideoX's 1000 trained steps.

    x_vp = alpha x0 + s noise with s = sqrt(1 - alpha^2); predicts alpha noise - s x0. Outside, states are the flow's
    (`sigma_of_alpha`). As in AniSora V1 the network is given the trained step, and alpha is rounded to that of one.
    """

    steps: int
    name: ClassVar[str] = "v"

    def timestep(self, sigma: float) -> int:
        sigmas = cogvideox_sigmas(self.steps)[:-1]
        return cogvideox_timesteps(self.steps)[min(range(len(sigmas)), key=lambda i: abs(sigmas[i] - sigma))]

    def network_input(self, x: Tensor, sigma: float) -> Tensor:
        return to_vp(x, sigma)

    def add_noise(self, x0: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
        return alpha * x0 + (1.0 - alpha * alpha).sqrt() * noise

    def target(self, x0: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
        return alpha * noise - (1.0 - alpha * alpha).sqrt() * x0

    def training_point(
        self, x0: Tensor, noise: Tensor, level_B: Tensor, sigma_of: NoiseLevel
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The trained steps are drawn evenly, as its authors do, whatever `sigma_of` says."""
        table = torch.tensor(zero_terminal_snr(cogvideox_alphas()), device=x0.device)
        step_B = (level_B * TRAINED_STEPS).long().clamp(0, TRAINED_STEPS - 1)
        alpha = per_clip(table[step_B])
        return self.add_noise(x0, noise, alpha), step_B.float(), self.target(x0, noise, alpha)

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


def to_vp(x: Tensor, sigma: float) -> Tensor:
    return x / math.hypot(1.0 - sigma, sigma)


def per_clip(value_B: Tensor) -> Tensor:
    """B -> B1111."""
    return value_B.view(-1, 1, 1, 1, 1)
