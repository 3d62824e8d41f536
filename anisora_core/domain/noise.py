"""Seeded noise: drawn on the CPU in float32, so a seed means the same picture on every device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def seeded_draws(shape: Sequence[int], seed: int) -> Callable[[], Tensor]:
    """A stream of standard normal float32 tensors of `shape`. Seeds are 0 .. 2^64 - 1, as the host's."""
    rng = torch.Generator("cpu").manual_seed(seed % (1 << 64))
    return lambda: torch.randn(tuple(shape), generator=rng, dtype=torch.float32, device="cpu")


def seeded_noise(shape: Sequence[int], seed: int) -> Tensor:
    """The first of `seeded_draws`."""
    return seeded_draws(shape, seed)()
