"""Linear layers whose weights stay 8-bit floats with a scale, multiplied out when they are used."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FP8 = torch.float8_e4m3fn


class _ScaledProduct(torch.autograd.Function):
    """A linear layer of scaled fp8 weights that are not trained. Only these are kept for the backward pass, not what they were multiplied out to."""

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
