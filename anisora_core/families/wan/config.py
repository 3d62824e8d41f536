"""Configurations of the Wan family; every variant is a `replace` of another, never a second listing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...domain.grid import LatentGrid


@dataclass(frozen=True)
class WanConfig:
    """Transformer. `in_channels` = noise + packed mask + guide; `image_dim` is the CLIP width of the image branch."""

    dim: int = 5120
    ffn_dim: int = 13824
    num_layers: int = 40
    num_heads: int = 40
    in_channels: int = 36
    out_channels: int = 16
    patch_size: tuple[int, int, int] = (1, 2, 2)
    freq_dim: int = 256
    text_dim: int = 4096
    text_len: int = 512
    image_dim: int = 1280
    has_image_branch: bool = False
    eps: float = 1e-6
    rope_theta: float = 10000.0

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads

    @property
    def rope_axis_dims(self) -> tuple[int, int, int]:
        """Real dimensions of a head turned by time, height and width (44, 42, 42 for head_dim 128)."""
        spatial = 2 * (self.head_dim // 6)
        return self.head_dim - 2 * spatial, spatial, spatial


@dataclass(frozen=True)
class WanVAEConfig:
    """Causal VAE.

    `strides`: (time, space) of the step from each level to the next, encoder order; time and space are 1 or 2.
    `front`: side of the pixel-unshuffle before the first convolution (1 none, 2 in Wan2.2, 4 in mini).
    `residual_shortcuts`: Wan2.2's averaging and duplicating shortcuts around each level.
    `latent_mean`, `latent_std`: per channel, for `normalize` and `denormalize`.
    """

    encoder_dim: int = 96
    decoder_dim: int = 96
    channels: int = 16
    encoder_mults: tuple[int, ...] = (1, 2, 4, 4)
    decoder_mults: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    strides: tuple[tuple[int, int], ...] = ((1, 2), (2, 2), (2, 2))
    front: int = 1
    residual_shortcuts: bool = False
    latent_mean: tuple[float, ...] = (0.0,) * 16
    latent_std: tuple[float, ...] = (1.0,) * 16

    @property
    def grid(self) -> LatentGrid:
        time, space = 1, self.front
        for stride_t, stride_s in self.strides:
            time, space = time * stride_t, space * stride_s
        return LatentGrid(frames_per_latent=time, pixels_per_latent=space)


WAN21_I2V_14B = WanConfig(has_image_branch=True)
WAN21_I2V_1_3B = replace(WAN21_I2V_14B, dim=1536, ffn_dim=8960, num_layers=30, num_heads=12)
WAN22_I2V_A14B = replace(WAN21_I2V_14B, has_image_branch=False)
MINI = replace(
    WAN22_I2V_A14B, dim=256, ffn_dim=768, num_layers=8, num_heads=4, freq_dim=128, text_dim=192, text_len=160
)
DEBUG = replace(
    MINI, dim=48, ffn_dim=64, num_layers=2, num_heads=2, freq_dim=32, text_dim=24, text_len=16, image_dim=20
)

WAN21_VAE = WanVAEConfig(
    latent_mean=(
        -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
        0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
    ),
    latent_std=(
        2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
        3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
    ),
)  # fmt: skip
WAN22_VAE = replace(
    WanVAEConfig(),
    encoder_dim=160,
    decoder_dim=256,
    channels=48,
    front=2,
    strides=((1, 2), (2, 2), (2, 2)),
    residual_shortcuts=True,
    latent_mean=(0.0,) * 48,
    latent_std=(1.0,) * 48,
)
MINI_VAE = WanVAEConfig(
    encoder_dim=64,
    decoder_dim=64,
    encoder_mults=(1, 2, 2),
    decoder_mults=(1, 2, 2),
    num_res_blocks=1,
    strides=((2, 2), (2, 1)),
    front=4,
    residual_shortcuts=True,
)
DEBUG_VAE = replace(WAN21_VAE, encoder_dim=8, decoder_dim=8, num_res_blocks=1)
