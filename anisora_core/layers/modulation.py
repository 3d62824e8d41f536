"""Shift and scale by the timestep (adaLN; Peebles and Xie 2023, arXiv 2212.09748, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return torch.addcmul(shift.float(), x.float(), 1.0 + scale.float()).to(x.dtype)  # scales near -1 cancel
