"""What is compared: one network of ours and diffusers' of the same configuration, weights and inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...domain.latents import RawLatent
from ...families.cogvideox.config import V1_I2V_5B, V1_VAE
from ...families.cogvideox.transformer import CogVideoXTransformer
from ...families.cogvideox.vae import CogVideoXVAE
from ...families.wan.config import WAN21_I2V_1_3B, WAN21_VAE
from ...families.wan.transformer import WanTransformer
from ...families.wan.vae import WanVAE
from .diffusers_networks import (
    diffusers_cogvideox,
    diffusers_cogvideox_vae,
    diffusers_wan,
    diffusers_wan_vae,
    ours_like,
    randomised,
    run_cogvideox,
    run_wan,
)

#: (network, its inputs) -> the output.
Run = Callable[..., Tensor]


@dataclass(frozen=True)
class Size:
    """`tokens` of a transformer's clip of four latent frames; `frames` of `side` x `side` pixels for a VAE."""

    tokens: int = 4096
    frames: int = 17
    side: int = 256


@dataclass(frozen=True)
class Case:
    """`ours` and `theirs` in float32 on the CPU, and how each is run on the `inputs`."""

    name: str
    ours: Any
    theirs: Any
    run_ours: Run
    run_theirs: Run
    inputs: tuple[Tensor, ...]


def wan_transformer(size: Size) -> Case:
    """Two layers of the 1.3B model's width, with the image branch."""
    config = replace(WAN21_I2V_1_3B, num_layers=2)
    theirs = randomised(diffusers_wan(config), 0.03, 0.3)
    text, image = torch.randn(1, config.text_len, config.text_dim), torch.randn(1, 257, config.image_dim)
    inputs = (latents(config.in_channels, size), torch.tensor([500.0]), text, image)
    return Case("wan transformer", ours_like(theirs, WanTransformer, config), theirs, run, run_wan, inputs)


def cogvideox_transformer(size: Size) -> Case:
    """Two layers as wide as those of `wan_transformer`."""
    config = replace(V1_I2V_5B, num_layers=2, dim=1536, ffn_dim=8960, num_heads=24)
    theirs = randomised(diffusers_cogvideox(config), 0.03, 0.3)
    text = torch.randn(1, config.text_len, config.text_dim)
    inputs = (latents(config.in_channels, size), torch.tensor([500]), text)
    return Case(
        "cogvideox transformer",
        ours_like(theirs, CogVideoXTransformer, config),
        theirs,
        run,
        run_cogvideox,
        inputs,
    )


def wan_vae(size: Size, part: str) -> Case:
    theirs = randomised(diffusers_wan_vae(WAN21_VAE), 0.02, 0.5)
    return vae_case(f"wan vae {part}", ours_like(theirs, WanVAE, WAN21_VAE), theirs, size, part)


def cogvideox_vae(size: Size, part: str) -> Case:
    theirs = randomised(diffusers_cogvideox_vae(V1_VAE), 0.02, 0.5)
    return vae_case(f"cogvideox vae {part}", ours_like(theirs, CogVideoXVAE, V1_VAE), theirs, size, part)


def vae_case(name: str, ours: Any, theirs: Any, size: Size, part: str) -> Case:
    if part == "encode":
        video = torch.rand(1, 3, size.frames, size.side, size.side) * 2 - 1
        return Case(name, ours, theirs, encode, encode_theirs, (video,))
    latent = torch.randn(1, 16, (size.frames - 1) // 4 + 1, size.side // 8, size.side // 8)
    return Case(name, ours, theirs, decode, decode_theirs, (latent,))


#: Name on the command line -> maker.
CASES: dict[str, Callable[[Size], Case]] = {
    "wan-transformer": wan_transformer,
    "cogvideox-transformer": cogvideox_transformer,
    "wan-vae-decode": partial(wan_vae, part="decode"),
    "wan-vae-encode": partial(wan_vae, part="encode"),
    "cogvideox-vae-decode": partial(cogvideox_vae, part="decode"),
    "cogvideox-vae-encode": partial(cogvideox_vae, part="encode"),
}


def latents(channels: int, size: Size) -> Tensor:
    """[1, channels, 4, side, side] of `size.tokens` patches of 2 x 2; ValueError where there is no such square."""
    side = round((size.tokens / 4) ** 0.5)
    if 4 * side**2 != size.tokens:
        raise ValueError(f"--tokens {size.tokens}: give four times a square number, as 1024, 4096 or 16384")
    return torch.randn(1, channels, 4, 2 * side, 2 * side)


def run(model: Any, *inputs: Tensor) -> Tensor:
    return model(*inputs)


def encode(model: Any, video: Tensor) -> Tensor:
    return model.encode(video).mean


def decode(model: Any, latent: Tensor) -> Tensor:
    return model.decode(RawLatent(latent))


def encode_theirs(model: Any, video: Tensor) -> Tensor:
    return model.encode(video).latent_dist.mean


def decode_theirs(model: Any, latent: Tensor) -> Tensor:
    return model.decode(latent).sample
