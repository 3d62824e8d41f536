"""Its configurations."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.grid import LatentGrid


@dataclass(frozen=True)
class PixelConfig:
    """Transformer. `in_channels` = noise + packed mask + guide."""

    dim: int = 24
    num_layers: int = 2
    in_channels: int = 36
    out_channels: int = 16
    text_dim: int = 20


@dataclass(frozen=True)
class PixelVAEConfig:
    """VAE."""

    channels: int = 16

    @property
    def grid(self) -> LatentGrid:
        return LatentGrid()
