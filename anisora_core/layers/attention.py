"""Full softmax attention, scale 1/sqrt(head_dim), no mask: the way that is fastest for what comes; hosts inject theirs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Scores that a block of `blocked_attention` holds: 2 MiB in bfloat16, what a core keeps in its second-level cache.
BLOCK_SCORES = 1 << 20
#: Scores per head from which blocks pay on a CPU; below, starting two products per head costs more than it gains.
MIN_SCORES = 1 << 18


def best_attention(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, num_heads: int) -> Tensor:
    """-> BLD. On a CPU in bfloat16 torch's fused kernel reaches a quarter of what a matrix product does."""
    is_slow_in_torch = q_BLD.device.type == "cpu" and q_BLD.dtype == torch.bfloat16
    is_long = q_BLD.shape[1] * k_BMD.shape[1] >= MIN_SCORES
    if is_slow_in_torch and is_long and not torch.is_grad_enabled():
        return blocked_attention(q_BLD, k_BMD, v_BMD, num_heads)
    return torch_attention(q_BLD, k_BMD, v_BMD, num_heads)


def torch_attention(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, num_heads: int) -> Tensor:
    """torch's own kernels -> BLD."""
    q, k, v = (split_heads(x, num_heads) for x in (q_BLD, k_BMD, v_BMD))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def explicit_attention(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, num_heads: int) -> Tensor:
    """The same with the scores written out: for CPU training, where torch's fused kernel is twice as slow.

    Needs memory for B * num_heads * L * M scores.
    """
    q, k, v = (split_heads(x, num_heads) for x in (q_BLD, k_BMD, v_BMD))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return (scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2)


def blocked_attention(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, num_heads: int) -> Tensor:
    """The same by two matrix products per block of queries, without gradients -> BLD.

    The mean key is taken from all keys, which changes no softmax (it adds one number to each row of scores) and keeps
    scores small, so that rounding them to bfloat16 loses less (SageAttention, arXiv 2410.02367, section 4.2).
    """
    scale = (q_BLD.shape[-1] // num_heads) ** -0.5
    keys = ((k_BMD.float() - k_BMD.float().mean(1, keepdim=True)) * scale).to(k_BMD.dtype)
    q, v = (split_heads(x, num_heads).flatten(0, 1).contiguous() for x in (q_BLD, v_BMD))
    k = split_heads(keys, num_heads).flatten(0, 1).transpose(1, 2).contiguous()
    out = torch.empty_like(q)
    rows = max(16, BLOCK_SCORES // k.shape[2])
    for q_LK, k_KM, v_MK, out_LK in zip(q, k, v, out, strict=True):
        for queries, answers in zip(q_LK.split(rows), out_LK.split(rows), strict=True):
            torch.mm((queries @ k_KM).softmax(-1), v_MK, out=answers)
    return out.unflatten(0, (-1, num_heads)).transpose(1, 2).flatten(2)


def split_heads(x_BLD: Tensor, num_heads: int) -> Tensor:
    """-> [B, heads, L, head_dim]."""
    return x_BLD.unflatten(-1, (num_heads, -1)).transpose(1, 2)
