"""Layers that treat each token alone, a part of the tokens at a time: less memory, and faster where memory is slow."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Bytes that the widest tensor inside may take. On a CPU a chunk stays in the last cache, and memory is used again
#: instead of being asked from the system; on a GPU fewer, larger products are faster.
CPU_BYTES, GPU_BYTES = 8 << 20, 512 << 20


def in_chunks(layer: nn.Module, x_BLD: Tensor, width: int) -> Tensor:
    """layer(x_BLD) without gradients in chunks of tokens; `width`: channels of the widest tensor inside."""
    limit = CPU_BYTES if x_BLD.device.type == "cpu" else GPU_BYTES
    rows = max(64, limit // (width * x_BLD.element_size() * x_BLD.shape[0]))
    if torch.is_grad_enabled() or rows >= x_BLD.shape[1]:
        return layer(x_BLD)
    return torch.cat([layer(part) for part in x_BLD.split(rows, dim=1)], dim=1)
