"""Blocks offloaded to CPU RAM: a network larger than the device's memory runs with a few of them there at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call


class BlockOffload:
    """Keeps the weights of `blocks` in CPU RAM and copies each to the device when it is called, the next one beside it.

    A backward pass calls them in reverse, since every block is computed again then: use `gradient_checkpointing` outside of this.
    """

    def __init__(self, blocks: Sequence[nn.Module], device: torch.device) -> None:
        self.blocks, self.device = list(blocks), device
        self.last = -1
        self.coming: dict[int, dict[str, Tensor]] = {}
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        for index, block in enumerate(self.blocks):
            block.to("cpu")
            if self.stream is not None:
                for tensor in (*block.parameters(), *block.buffers()):
                    tensor.data = tensor.data.pin_memory()
            block.forward = partial(self._called, index)

    def _called(self, index: int, *arguments: Any, **named: Any) -> Any:
        is_backward = torch.is_grad_enabled() and index <= self.last
        self.last = index
        weights = self._arrived(index)
        following = index - 1 if is_backward else index + 1
        self.coming = {following: self._copy(following)} if 0 <= following < len(self.blocks) else {}
        block = self.blocks[index]
        wrapped = block.__dict__.pop("forward")  # functional_call calls the block, which must be itself then
        try:
            return functional_call(block, weights, arguments, named)
        finally:
            block.forward = wrapped

    def _copy(self, index: int) -> dict[str, Tensor]:
        block = self.blocks[index]
        tensors = {**dict(block.named_parameters()), **dict(block.named_buffers())}
        with torch.cuda.stream(self.stream):  # None outside of CUDA: no stream
            return {
                name: tensor.detach().to(self.device, non_blocking=True, copy=True)
                for name, tensor in tensors.items()
            }

    def _arrived(self, index: int) -> dict[str, Tensor]:
        weights = self.coming.pop(index, None) or self._copy(index)
        if self.stream is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_stream(self.stream)
            for tensor in weights.values():
                tensor.record_stream(current)
        return weights
