"""What a VAE's encoder says of a latent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Posterior:
    """Raw (not normalised) latent distribution."""

    mean: Tensor
    logvar: Tensor

    def mode(self) -> Tensor:
        return self.mean

    def sample(self, rng: torch.Generator) -> Tensor:
        noise = torch.randn(self.mean.shape, generator=rng).to(self.mean)
        return self.mean + noise * (0.5 * self.logvar.clamp(-30.0, 20.0)).exp()
