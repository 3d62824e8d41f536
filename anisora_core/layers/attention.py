"""The default attention, torch's own; hosts inject theirs."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def torch_attention(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, num_heads: int) -> Tensor:
    """Full softmax attention, scale 1/sqrt(head_dim), no mask -> BLD."""
    q, k, v = (x.unflatten(-1, (num_heads, -1)).transpose(1, 2) for x in (q_BLD, k_BMD, v_BMD))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def explicit_attention(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, num_heads: int) -> Tensor:
    """The same with the scores written out: for CPU training, where torch's fused kernel is twice as slow.

    Needs memory for B * num_heads * L * M scores.
    """
    q, k, v = (x.unflatten(-1, (num_heads, -1)).transpose(1, 2) for x in (q_BLD, k_BMD, v_BMD))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return (scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2)
