"""Configurations of the CogVideoX family."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...domain.grid import LatentGrid


@dataclass(frozen=True)
class CogVideoXConfig:
    """Transformer.

    `in_channels` = noise + guide; `mask_channels` more hold the reprojected mask of models trained so (AniSora paper,
    equation 1; no published one is). `learned_positions`: tokens, text included, of a learned position embedding that
    is added to clips of exactly that many tokens; 0 for none.
    """

    dim: int = 3072
    ffn_dim: int = 12288
    num_layers: int = 42
    num_heads: int = 48
    in_channels: int = 32
    mask_channels: int = 0
    out_channels: int = 16
    patch_size: int = 2
    time_dim: int = 512
    text_dim: int = 4096
    text_len: int = 226
    eps: float = 1e-5
    inner_eps: float = 1e-6
    rope_theta: float = 10000.0
    learned_positions: int = 0

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads

    @property
    def rope_axis_dims(self) -> tuple[int, int, int]:
        """Real dimensions of a head turned by time, height and width (16, 24, 24 for head_dim 64)."""
        time = self.head_dim // 4
        spatial = (self.head_dim - time) // 2
        return time, spatial, spatial


V1_I2V_5B = CogVideoXConfig()
DEBUG = replace(
    V1_I2V_5B, dim=64, ffn_dim=96, num_layers=2, num_heads=2, time_dim=16, text_dim=20, text_len=6
)


@dataclass(frozen=True)
class CogVideoXVAEConfig:
    """Causal VAE. `temporal_levels`: how many of the outermost levels also halve time; `scale` multiplies latents.

    `latents_per_run`: how many are decoded at once after the first, which changes the pixels; None: all of the clip.
    """

    dim: int = 128
    channels: int = 16
    mults: tuple[int, ...] = (1, 2, 2, 4)
    num_res_blocks: int = 3
    temporal_levels: int = 2
    groups: int = 32
    eps: float = 1e-6
    scale: float = 0.7
    latents_per_run: int | None = 2

    @property
    def grid(self) -> LatentGrid:
        return LatentGrid(
            frames_per_latent=2**self.temporal_levels, pixels_per_latent=2 ** (len(self.mults) - 1)
        )


V1_VAE = CogVideoXVAEConfig()
DEBUG_VAE = replace(V1_VAE, dim=32, num_res_blocks=1)
