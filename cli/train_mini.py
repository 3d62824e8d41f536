"""`anisora train mini`: the model that comes with the pack, from rendered clips."""

from __future__ import annotations

from ..anisora_core.training.recipes.mini import main

__all__ = ["main"]
