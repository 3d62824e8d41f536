"""What a network predicts, for sampling and training alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..domain.protocols import Denoiser

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
