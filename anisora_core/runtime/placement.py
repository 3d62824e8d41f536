"""Where a transformer's weights lie, and in which form, so that it fits into a device's memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from ..families import VideoTransformer
from .block_offload import BlockOffload
from .scaled_fp8 import to_scaled_fp8

Network = TypeVar("Network", bound=VideoTransformer)


@dataclass(frozen=True)
class Placement:
    """`is_fp8`: the blocks' weights as scaled fp8, half the memory of bfloat16. `blocks_to_swap`: so many blocks, the last ones, stay in
    CPU RAM and are copied to the device when they are called.
    """

    is_fp8: bool = False
    blocks_to_swap: int = 0

    def placed(self, network: Network, device: torch.device) -> Network:
        """The network, ready to run on the device; its weights cannot be trained any more."""
        if not (self.is_fp8 or self.blocks_to_swap):
            return network.to(device)
        network.requires_grad_(False)
        if self.is_fp8:
            to_scaled_fp8(network.blocks)
        blocks = list(network.blocks)
        resident = blocks[: max(0, len(blocks) - self.blocks_to_swap)]
        others: list[nn.Module] = [module for name, module in network.named_children() if name != "blocks"]
        for module in (*others, *resident):
            module.to(device)
        if len(resident) < len(blocks):
            BlockOffload(blocks[len(resident) :], device)
        return network
