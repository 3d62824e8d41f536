"""A denoiser of single latents: each position sees itself, the text's mean and the time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...domain.protocols import AttentionFunction, Ops
from ...layers.attention import best_attention
from ...layers.embeddings import sinusoid
from ..interface import VideoTransformer
from .config import PixelConfig


class PixelBlock(nn.Module):
    def __init__(self, dim: int, *, ops: Ops) -> None:
        super().__init__()
        self.up, self.down = ops.Linear(dim, 2 * dim), ops.Linear(2 * dim, dim)

    def forward(self, x_BLD: Tensor) -> Tensor:
        return x_BLD + self.down(torch.tanh(self.up(x_BLD)))


class PixelTransformer(VideoTransformer):
    def __init__(
        self,
        config: PixelConfig,
        *,
        ops: Ops = nn,  # type: ignore[assignment]
        attention: AttentionFunction = best_attention,
    ) -> None:
        super().__init__()
        self.config = config
        self.pixel_embedding = ops.Linear(config.in_channels, config.dim)
        self.caption_embedding = ops.Linear(config.text_dim, config.dim)
        self.clock = ops.Linear(config.dim, config.dim)
        self.blocks = nn.ModuleList(PixelBlock(config.dim, ops=ops) for _ in range(config.num_layers))
        self.pixel_head = ops.Linear(config.dim, config.out_channels)

    @property
    def dtype(self) -> torch.dtype:
        return self.pixel_embedding.weight.dtype

    def forward(
        self, x_BCTHW: Tensor, timestep: Tensor, text_BLD: Tensor, image_BLD: Tensor | None = None
    ) -> Tensor:
        shape = x_BCTHW.shape[2:]
        x = self.pixel_embedding(x_BCTHW.flatten(2).transpose(1, 2))
        x = x + self.caption_embedding(text_BLD.to(x)).mean(1, keepdim=True)
        x = x + self.clock(sinusoid(timestep, self.config.dim).to(x))[:, None]
        for block in self.blocks:
            x = block(x)
        return self.pixel_head(x).transpose(1, 2).unflatten(2, shape)
