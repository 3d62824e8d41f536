"""Activations computed again in the backward pass instead of kept (Chen et al. 2016, arXiv 1604.06174)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def gradient_checkpointing(blocks: Sequence[nn.Module]) -> None:
    """Blocks keep their inputs alone, and are computed again when gradients go back.

    torch's random state is left alone: dropout is drawn by keys.
    """
    for block in blocks:
        forward: Callable[..., Any] = block.forward
        block.forward = partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False)
