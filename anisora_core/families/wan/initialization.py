"""Named initialisations for training from scratch. Randomness comes from the generator given."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .transformer import WanTransformer
from .vae import AttentionBlock, DownLevel, Downsample, ResidualBlock, UpLevel, Upsample, WanVAE


def fan_in_normal_(weight: Tensor, rng: torch.Generator, *, gain: float = 1.0) -> None:
    fan_in = weight[0].numel()
    weight.copy_(torch.randn(weight.shape, generator=rng) * gain * fan_in**-0.5)


def frame_conv_(conv: nn.Conv2d | nn.Conv3d, rng: torch.Generator) -> None:
    """A 2-D convolution, in 3-D on the newest frame: older temporal taps start at zero and grow on clips."""
    if isinstance(conv, nn.Conv3d):
        conv.weight.zero_()
    fan_in_normal_(conv.weight[:, :, -1] if isinstance(conv, nn.Conv3d) else conv.weight, rng)
    if conv.bias is not None:
        conv.bias.zero_()


@torch.no_grad()
def init_vae_frames_first(vae: WanVAE, rng: torch.Generator) -> None:
    """Residual branches start at zero, time layers copy frames: a 2-D autoencoder until clips teach it more.

    Zero residual branches: Zhang et al. 2019 (Fixup, arXiv 1901.09321), section 3.
    """
    for module in vae.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            frame_conv_(module, rng)
    for conv in (vae.encoder.conv1, vae.decoder.conv1):
        # Norms keep directions only: without a bias, a bright and a dark flat patch would look the same.
        conv.get_parameter("bias").copy_(0.5 * torch.randn(conv.get_parameter("bias").shape, generator=rng))
    for module in vae.modules():
        if isinstance(module, ResidualBlock):
            module.residual[6].weight.zero_()  # type: ignore[union-attr]
        elif isinstance(module, AttentionBlock):
            module.proj.weight.zero_()
        elif isinstance(module, Downsample) and hasattr(module, "time_conv"):
            copy_frames_(module.time_conv, taps=(0.0, 0.5, 0.5))
        elif isinstance(module, Upsample) and hasattr(module, "time_conv"):
            copy_frames_(module.time_conv, taps=(0.0, 0.0, 1.0))


@torch.no_grad()
def start_from_shallower(vae: WanVAE, trained: WanVAE) -> None:
    """Let a VAE begin with the answers of a trained one of the same widths that has as many or fewer blocks in each level.

    Further blocks follow the trained ones; `init_vae_frames_first` has made their residual branches zero.
    """
    outside = dict(trained.state_dict())
    for name, level in vae.named_modules():
        if not isinstance(level, DownLevel | UpLevel):
            continue
        layers, known = (
            list(next(one.children()).children()) for one in (level, trained.get_submodule(name))
        )
        for is_block in (True, False):
            own, other = (
                [m for m in all_ if isinstance(m, ResidualBlock) == is_block] for all_ in (layers, known)
            )
            for layer, trained_layer in zip(own, other, strict=False):
                layer.load_state_dict(trained_layer.state_dict())
        outside = {key: value for key, value in outside.items() if not key.startswith(f"{name}.")}
    vae.load_state_dict(outside, strict=False)


def copy_frames_(conv: nn.Conv3d, *, taps: tuple[float, float, float]) -> None:
    """Each output channel is its own input channel (repeated when there are more outputs) over time `taps`."""
    eye = torch.eye(conv.in_channels).repeat(conv.out_channels // conv.in_channels, 1)
    conv.weight.copy_(eye[:, :, None, None, None] * torch.tensor(taps)[:, None, None])


@torch.no_grad()
def init_transformer_zero_gates(model: WanTransformer, rng: torch.Generator) -> None:
    """Fan-in normal everywhere; gates and head start at zero, so each block starts as the identity.

    adaLN-Zero: Peebles and Xie 2023 (DiT, arXiv 2212.09748), section 3.2.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv3d):
            fan_in_normal_(module.weight, rng)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.LayerNorm | nn.RMSNorm) and module.elementwise_affine:
            module.reset_parameters()
    projection, dim = model.get_parameter("time_projection.1.weight"), model.config.dim
    projection.mul_(0.1)
    for gate in (2, 5):
        projection[gate * dim : (gate + 1) * dim] = 0.0
    for name, parameter in model.named_parameters():
        if name.endswith(("modulation", "cross_attn.o.weight", "head.head.weight")):
            parameter.zero_()
