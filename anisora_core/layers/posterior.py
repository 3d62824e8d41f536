"""What a VAE's encoder says of a latent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..domain.latents import RawLatent


@dataclass(frozen=True)
class Posterior:
    """Raw (not normalised) latent distribution."""

    mean: Tensor
    logvar: Tensor

    def mode(self) -> RawLatent:
        return RawLatent(self.mean)

    def sample(self, rng: torch.Generator) -> RawLatent:
        noise = torch.randn(self.mean.shape, generator=rng).to(self.mean)
        return RawLatent(self.mean + noise * (0.5 * self.logvar.clamp(-30.0, 20.0)).exp())
