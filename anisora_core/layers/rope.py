"""Rotary position embedding over (time, height, width), interleaved pairs (Su et al. 2021, arXiv 2104.09864)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def rotary_table(
    grid: tuple[int, int, int], axis_dims: tuple[int, int, int], theta: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """(cos, sin), each float32 [L, head_dim / 2]; L runs over time, then height, then width; integer positions."""
    cos, sin = _table(grid, axis_dims, theta)
    return cos.to(device), sin.to(device)


@lru_cache(maxsize=8)
def _table(
    grid: tuple[int, int, int], axis_dims: tuple[int, int, int], theta: float
) -> tuple[Tensor, Tensor]:
    """Computed in float64 on the CPU from numbers alone, so there is no buffer that a `meta` model could lose."""
    with torch.device("cpu"), torch.inference_mode(False):  # cached: must stay usable by autograd later
        angles: list[Tensor] = []
        for axis, (length, dim) in enumerate(zip(grid, axis_dims, strict=True)):
            freq = theta ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
            angle = torch.outer(torch.arange(length, dtype=torch.float64), freq)
            shape = [1, 1, 1, dim // 2]
            shape[axis] = length
            angles.append(angle.view(shape).expand(*grid, -1))
        flat = torch.cat(angles, dim=-1).flatten(0, 2)
        return flat.cos().float(), flat.sin().float()


def rotate(x_BLHK: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turn consecutive pairs of each head; float32 inside, since positions in bf16 blur.

    As complex numbers: one pass over memory where sums of products of the parts take seven.
    """
    turn = torch.complex(*table)[None, :, None, :]
    pairs = torch.view_as_complex(x_BLHK.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn).flatten(-2).to(x_BLHK.dtype)
