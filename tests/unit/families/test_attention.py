"""The written-out attention is torch's, forward and backward."""

from __future__ import annotations

import torch
from comfyui_anisora.anisora_core.layers.attention import explicit_attention, torch_attention


def test_explicit_attention_equals_torchs():
    rng = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, length, 24, generator=rng, requires_grad=True) for length in (5, 7, 7))
    weight = torch.randn(2, 5, 24, generator=rng)
    results = []
    for attention in (torch_attention, explicit_attention):
        y = attention(q, k, v, 3)
        results.append((y, *torch.autograd.grad((y * weight).sum(), (q, k, v))))
    for theirs, ours in zip(*results, strict=True):
        assert torch.allclose(theirs, ours, atol=1e-5)
