"""A VAE of strides: a latent is made of the last frame that it stands for, and every frame shows its latent."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...domain.protocols import Ops
from ...layers.causal3d import per_frame
from ...layers.posterior import Posterior
from ..interface import VideoVAE
from .config import PixelVAEConfig


class PixelVAE(VideoVAE):
    def __init__(self, config: PixelVAEConfig, *, ops: Ops = nn) -> None:  # type: ignore[assignment]
        super().__init__()
        self.config, self.grid = config, config.grid
        self.encoder = ops.Conv2d(3, 2 * config.channels, 8, stride=8)
        self.decoder = nn.Sequential(ops.Conv2d(config.channels, 3 * 64, 1), nn.PixelShuffle(8))

    def encode(self, video_BCFHW: Tensor) -> Posterior:
        latents = self.grid.latent_frames(video_BCFHW.shape[2])
        last = video_BCFHW[:, :, :: self.grid.frames_per_latent][:, :, :latents]
        return Posterior(*per_frame(self.encoder, last).chunk(2, dim=1))

    def decode(self, latent_BCTHW: Tensor) -> Tensor:
        return torch.cat(list(self.decode_chunks(latent_BCTHW, latents_per_chunk=1)), dim=2)

    def decode_chunks(self, latent_BCTHW: Tensor, *, latents_per_chunk: int) -> Iterator[Tensor]:
        for index, latent in enumerate(latent_BCTHW.split(1, dim=2)):
            frames = 1 if index == 0 else self.grid.frames_per_latent
            yield per_frame(self.decoder, latent).expand(-1, -1, frames, -1, -1)

    def run_length(self, num_latents: int, wanted: int | None = None) -> int:
        return wanted or 1

    def normalize(self, raw_latent: Tensor) -> Tensor:
        return raw_latent * 2.0

    def denormalize(self, latent: Tensor) -> Tensor:
        return latent / 2.0
