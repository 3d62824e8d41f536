"""Causal 3-D convolution as plain functions over ordinary convolutions, with the past passed in and out.

`Past` is what a layer must remember of earlier chunks: None before the first one. Feeding a clip in chunks and
passing each returned past to the next call gives the same result as feeding it whole.
Shapes: x_BCTHW.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: A tensor of trailing frames, a tuple of pasts (a block), or None (nothing seen yet).
Past = Any


class DirectConv3d(nn.Conv3d):
    """For a few frames of few channels, too: on a CPU torch takes a slow way with them, by a limit meant for pictures, where
    oneDNN itself has none. It knows no gradients here."""

    def forward(self, input: Tensor) -> Tensor:
        return self.with_weight(input, self.weight)

    def with_weight(self, x: Tensor, weight: Tensor) -> Tensor:
        how = self.padding, self.stride, self.dilation, self.groups
        is_direct = (
            x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available()
        )
        if is_direct and not torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu"):
            return torch.ops.aten.mkldnn_convolution(x.contiguous(), weight.contiguous(), self.bias, *how)
        return F.conv3d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)  # type: ignore[arg-type]


def fast_layout(x_BCTHW: Tensor) -> Tensor:
    """The same numbers, channels last in memory where that is faster.

    On a CPU in bfloat16 convolutions take it as it is (a fifth faster), and norms over channels read what lies together.
    """
    is_faster = x_BCTHW.device.type == "cpu" and x_BCTHW.dtype == torch.bfloat16
    return x_BCTHW.contiguous(memory_format=torch.channels_last_3d) if is_faster else x_BCTHW


def causal_conv(conv: nn.Module, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Convolve with frames before the clip taken from `past`, or zeros at its start.

    `conv` is a Conv3d whose spatial padding is its own and whose temporal padding is 0, with stride 1 in time.
    """
    keep = int(conv.kernel_size[0]) - 1  # type: ignore[index]
    if keep == 0:
        return conv(x), None
    if past is None and x.shape[2] == 1 and isinstance(conv, DirectConv3d):
        # A single first frame meets only the last temporal tap: a third of the work, same numbers.
        y = conv.with_weight(x, conv.weight[:, :, -1:])
        return y, F.pad(x, (0, 0, 0, 0, keep - 1, 0))
    x = F.pad(x, (0, 0, 0, 0, keep, 0)) if past is None else torch.cat([past, x], dim=2)
    # Where frames stand still to the end, as most of a guide's do, so does what is made of them.
    spare = max(0, standing(x) - keep - 1)
    y = conv(x[:, :, : x.shape[2] - spare])
    if spare:
        y = torch.cat([y, y[:, :, -1:].expand(-1, -1, spare, -1, -1)], dim=2)
    return y, x[:, :, x.shape[2] - keep :]


def standing(x: Tensor) -> int:
    """How many frames at the end equal the last one, itself included."""
    last, count = x[:, :, -1], 1
    while count < x.shape[2] and torch.equal(x[:, :, -1 - count], last):
        count += 1
    return count


def run(layers: Iterable[nn.Module], x: Tensor, past: Past) -> tuple[Tensor, Past]:
    """Apply layers in order; those with memory get their part of `past` and return the next one."""
    after: list[Past] = []
    layers = list(layers)
    pasts: tuple[Past, ...] = past if past is not None else (None,) * len(layers)
    for layer, layer_past in zip(layers, pasts, strict=True):
        if getattr(layer, "is_streamed", False):
            x, kept = layer(x, layer_past)
        elif isinstance(layer, nn.Conv3d):
            x, kept = causal_conv(layer, x, layer_past)
        else:
            x, kept = layer(x), None
        after.append(kept)
    return x, tuple(after)


def per_frame(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a 2-D layer to every frame of x_BCTHW."""
    batch = x.shape[0]
    y = layer(x.transpose(1, 2).flatten(0, 1))
    return y.unflatten(0, (batch, -1)).transpose(1, 2)
