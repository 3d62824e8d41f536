"""Every way of attention is torch's own; the blocked one to bfloat16's rounding, and chosen where it is faster."""

from __future__ import annotations

import pytest
import torch
from comfyui_anisora.anisora_core.layers import attention
from comfyui_anisora.anisora_core.layers.attention import (
    best_attention,
    blocked_attention,
    explicit_attention,
    torch_attention,
)


def test_explicit_attention_equals_torchs():
    rng = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, length, 24, generator=rng, requires_grad=True) for length in (5, 7, 7))
    weight = torch.randn(2, 5, 24, generator=rng)
    results = []
    for each in (torch_attention, explicit_attention):
        y = each(q, k, v, 3)
        results.append((y, *torch.autograd.grad((y * weight).sum(), (q, k, v))))
    for theirs, ours in zip(*results, strict=True):
        assert torch.allclose(theirs, ours, atol=1e-5)


@pytest.mark.parametrize("lengths", [(5, 7), (700, 900)], ids=["one block", "blocks of unequal rows"])
def test_blocked_attention_equals_torchs(lengths, monkeypatch):
    monkeypatch.setattr(attention, "BLOCK_SCORES", 1 << 18)
    rng = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, length, 24, generator=rng) for length in (lengths[0], lengths[1], lengths[1]))
    assert torch.allclose(torch_attention(q, k, v, 3), blocked_attention(q, k, v, 3), atol=1e-5)


def test_keys_with_a_large_mean_lose_nothing_to_rounding():
    """Scores of about 300 are rounded to even numbers in bfloat16; without the mean key they are small."""
    rng = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 600, 64, generator=rng).bfloat16() for _ in range(3))
    shifted = k + torch.full((64,), 40.0).bfloat16()
    exact = torch_attention(q.float(), shifted.float(), v.float(), 1)
    apart = (blocked_attention(q, shifted, v, 1).float() - exact).norm() / exact.norm()
    assert apart < 0.01
    plain = (explicit_attention(q, shifted, v, 1).float() - exact).norm() / exact.norm()
    assert plain > 5 * apart


@pytest.mark.parametrize(("dtype", "length", "blocks"), [
    (torch.bfloat16, 600, 1), (torch.float32, 600, 0), (torch.bfloat16, 100, 0),
])  # fmt: skip
def test_blocks_are_chosen_for_long_bfloat16_on_a_cpu_without_gradients(dtype, length, blocks, monkeypatch):
    called = []

    def counted(*arguments):
        called.append(1)
        return blocked_attention(*arguments)

    monkeypatch.setattr(attention, "blocked_attention", counted)
    x = torch.randn(1, length, 64).to(dtype)
    with torch.no_grad():
        best_attention(x, x, x, 2)
    assert len(called) == blocks
    best_attention(x.requires_grad_(), x, x, 2)
    assert len(called) == blocks
