"""A feed-forward layer in chunks of tokens: the same numbers with less held at a time."""

from __future__ import annotations

import torch
from comfyui_anisora.anisora_core.evaluation.speed.tensor_memory import TensorMemory
from comfyui_anisora.anisora_core.layers import chunks
from comfyui_anisora.anisora_core.layers.chunks import in_chunks
from torch import nn


def test_chunks_change_no_number_and_hold_less(monkeypatch):
    layer = nn.Sequential(nn.Linear(8, 64), nn.GELU(), nn.Linear(64, 8))
    x = torch.randn(2, 1000, 8)
    peaks = {}
    with torch.no_grad():
        for limit in (1 << 16, 1 << 30):
            monkeypatch.setattr(chunks, "CPU_BYTES", limit)
            memory = TensorMemory()
            with memory:
                y = in_chunks(layer, x, 64)
            peaks[limit] = memory.peak
            assert torch.allclose(y, layer(x), atol=1e-6)
    assert peaks[1 << 16] < peaks[1 << 30] / 3


def test_gradients_go_through_the_whole():
    layer = nn.Linear(4, 4)
    x = torch.randn(1, 3000, 4, requires_grad=True)
    in_chunks(layer, x, 1 << 20).sum().backward()
    assert x.grad is not None
