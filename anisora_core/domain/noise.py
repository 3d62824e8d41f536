"""Seeded noise: drawn on the CPU in float32, so a seed means the same picture on every device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def seeded_noise(shape: Sequence[int], seed: int) -> Tensor:
    """Standard normal float32 of `shape`. Seeds are 0 .. 2^64 - 1, as the host's."""
    rng = torch.Generator("cpu").manual_seed(seed % (1 << 64))
    return torch.randn(tuple(shape), generator=rng, dtype=torch.float32, device="cpu")
