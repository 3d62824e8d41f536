"""A tiny decoder of latents for previews: each latent frame on its own, at half the clip's size."""

from __future__ import annotations

from torch import Tensor, nn


class PreviewDecoder(nn.Module):
    """Normalised latent_BCTHW, B = 1 -> THWC 0..1, height and width 4 times the latent's."""

    def __init__(self, channels: int = 16, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 3 * 16, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def pictures(self, latent_TCHW: Tensor) -> Tensor:
        """TCHW, not clamped."""
        return self.layers(latent_TCHW)

    def forward(self, latent_BCTHW: Tensor) -> Tensor:
        return self.pictures(latent_BCTHW[0].transpose(0, 1)).movedim(1, -1).clamp(0.0, 1.0)
