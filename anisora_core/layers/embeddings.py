"""Timesteps as vectors."""

from __future__ import annotations

import torch
from torch import Tensor


def sinusoid(timestep: Tensor, dim: int) -> Tensor:
    """[cos, sin] of t * 10000^(-i / half), float64 inside -> float32 [..., dim]."""
    half = dim // 2
    freq = 10000.0 ** (-torch.arange(half, dtype=torch.float64, device=timestep.device) / half)
    angle = timestep.double()[..., None] * freq
    return torch.cat([angle.cos(), angle.sin()], dim=-1).float()
