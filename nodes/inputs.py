"""Inputs of nodes, as ComfyUI's INPUT_TYPES has them: (type or choices, options)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

#: A type's name or a list of choices, and what ComfyUI should know of the input.
InputSpec = tuple[Any, dict[str, Any]]


def socket(kind: str, tip: str) -> InputSpec:
    """An input that another node is connected to."""
    return kind, {"tooltip": tip}


def choice(values: Iterable[str], default: str, tip: str) -> InputSpec:
    return list(values), {"default": default, "tooltip": tip}


def integer(default: int, low: int, high: int, tip: str, **more: Any) -> InputSpec:
    return "INT", {"default": default, "min": low, "max": high, "tooltip": tip, **more}


def decimal(default: float, low: float, high: float, step: float, tip: str, **more: Any) -> InputSpec:
    return "FLOAT", {"default": default, "min": low, "max": high, "step": step, "tooltip": tip, **more}


def switch(default: bool, tip: str) -> InputSpec:
    return "BOOLEAN", {"default": default, "tooltip": tip}


def text(default: str, tip: str, **more: Any) -> InputSpec:
    return "STRING", {"default": default, "tooltip": tip, **more}
