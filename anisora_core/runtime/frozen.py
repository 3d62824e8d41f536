"""The network that a LoRA is trained beside, in little memory: scaled fp8 weights, blocks that come when called, blocks
computed twice instead of kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

FP8 = torch.float8_e4m3fn


class _ScaledProduct(torch.autograd.Function):
    """A linear layer of frozen scaled fp8 weights. Only these are kept for going back, not what they were made into."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight, scale)
        return F.linear(x, weight.to(x.dtype) * scale.to(x.dtype), None if bias is None else bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        weight, scale = ctx.saved_tensors
        return gradient @ (weight.to(gradient.dtype) * scale.to(gradient.dtype)), None, None, None


class ScaledLinear(nn.Linear):
    """weight [out, in] fp8 (e4m3) times scale, one number, is what the layer multiplies with."""

    scale: Tensor

    @classmethod
    def of(cls, linear: nn.Linear) -> ScaledLinear:
        made = cls(linear.in_features, linear.out_features, bias=False, device="meta")
        weight = linear.weight.detach()
        scale = weight.abs().amax().float().clamp_min(1e-12) / torch.finfo(FP8).max
        made.weight = nn.Parameter((weight.float() / scale).to(FP8), requires_grad=False)
        made.bias = linear.bias
        made.register_buffer("scale", scale)
        return made

    def forward(self, input: Tensor) -> Tensor:
        return _ScaledProduct.apply(input, self.weight, self.scale, self.bias)  # type: ignore[return-value]


def to_scaled_fp8(blocks: nn.Module) -> None:
    """Every linear layer inside, in place."""
    for module in list(blocks.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, ScaledLinear.of(child))


class Swap:
    """Keeps the weights of `blocks` off the device and brings each when it is called, the next one beside it.

    Going back calls them in reverse, since every block is computed again then: `checkpointed` them outside of this.
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
        goes_back = index <= self.last
        self.last = index
        weights = self._arrived(index)
        following = index - 1 if goes_back else index + 1
        self.coming = {following: self._bring(following)} if 0 <= following < len(self.blocks) else {}
        block = self.blocks[index]
        wrapped = block.__dict__.pop("forward")  # functional_call calls the block, which must be itself then
        try:
            return functional_call(block, weights, arguments, named)
        finally:
            block.forward = wrapped

    def _bring(self, index: int) -> dict[str, Tensor]:
        block = self.blocks[index]
        tensors = {**dict(block.named_parameters()), **dict(block.named_buffers())}
        with torch.cuda.stream(self.stream):  # None outside of CUDA: no stream
            return {
                name: tensor.detach().to(self.device, non_blocking=True, copy=True)
                for name, tensor in tensors.items()
            }

    def _arrived(self, index: int) -> dict[str, Tensor]:
        weights = self.coming.pop(index, None) or self._bring(index)
        if self.stream is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_stream(self.stream)
            for tensor in weights.values():
                tensor.record_stream(current)
        return weights


def checkpointed(blocks: Sequence[nn.Module]) -> None:
    """Blocks keep what they were given, and are computed again when gradients go back.

    torch's random state is left alone: dropout is drawn by keys.
    """
    for block in blocks:
        forward: Callable[..., Any] = block.forward
        block.forward = partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False)
