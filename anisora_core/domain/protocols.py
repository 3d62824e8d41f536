"""The borders of the core: what is injected into networks, and what samplers see of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

#: q_BLD, k_BMD, v_BMD, number of heads -> BLD. The host's optimized_attention has this form.
AttentionFunction = Callable[[Tensor, Tensor, Tensor, int], Tensor]

#: x_BCTHW, sigma in 0..1 -> the clean estimate (x0), same shape.
Denoiser = Callable[[Tensor, float], Tensor]


#: x_BCTHW, timestep_B (0..1000) -> the network's prediction, BCTHW.
VelocityModel = Callable[[Tensor, Tensor], Tensor]


class AttentionLayer(Protocol):
    """A layer whose attention function can be exchanged."""

    attention: AttentionFunction


class TextEncoder(Protocol):
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """text_BLD, one row of tokens per prompt."""
        ...

    def to(self, device: torch.device) -> Any: ...


class ImageEncoder(Protocol):
    def encode(self, picture_BHWC: Tensor) -> Tensor:
        """Pictures 0..1 of any size -> image_BLD."""
        ...

    def to(self, device: torch.device) -> Any: ...


class Ops(Protocol):
    """Constructors of weighted layers; `torch.nn` and the host's `comfy.ops` classes both satisfy it."""

    Linear: Any
    Conv2d: Any
    Conv3d: Any
    GroupNorm: Any
    LayerNorm: Any
    RMSNorm: Any


@dataclass(frozen=True)
class Step:
    """What a sampler yields after each step: `x` and `denoised` are BCTHW; `index` counts from 0."""

    index: int
    total: int
    x: Tensor
    denoised: Tensor
