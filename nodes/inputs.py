"""Inputs of nodes, as ComfyUI's INPUT_TYPES has them: (type or choices, options)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..anisora_core.domain.release import Release
from ..anisora_core.releases import RELEASES

#: A type's name or a list of choices, and what ComfyUI should know of the input.
InputSpec = tuple[Any, dict[str, Any]]


def socket(kind: str, tip: str) -> InputSpec:
    """An input that another node is connected to."""
    return kind, {"tooltip": tip}


def choice(values: Iterable[str], default: str, tip: str) -> InputSpec:
    return list(values), {"default": default, "tooltip": tip}


def text_choice(values: Iterable[str], tip: str) -> InputSpec:
    """A choice that was a text before, "" at first: its node's VALIDATE_INPUTS lets other values and linked texts through."""
    return choice(["", *values], "", tip)


def wrong_links(inputs: dict[str, Any], input_types: Mapping[str, Any], texts: Iterable[str]) -> str:
    """What the host says of links of a wrong type, which it leaves to a node that lets texts into choices; "" for none."""
    known = {name: spec[0] for part in inputs.values() for name, spec in part.items()}
    for name, given in input_types.items():
        wanted = known[name]
        allowed = (
            ("STRING", "COMBO")
            if name in texts
            else (wanted, "COMBO" if isinstance(wanted, list) else wanted)
        )
        if given != "*" and not isinstance(given, list) and given not in allowed:
            return f"{name} takes {allowed[0]}, but {given} is connected; change the link"
    return ""


def of_release(spec: InputSpec, value: Callable[[Release], object]) -> InputSpec:
    """Its default means the release's own value, which the page shows until another is set; None where it is not one value."""
    return spec[0], {**spec[1], "of_release": {name: value(row) for name, row in RELEASES.items()}}


def advanced(spec: InputSpec) -> InputSpec:
    """Rarely changed: hosts that can fold such inputs away do."""
    return spec[0], {**spec[1], "advanced": True}


def integer(default: int, low: int, high: int, tip: str, **more: Any) -> InputSpec:
    return "INT", {"default": default, "min": low, "max": high, "tooltip": tip, **more}


def decimal(default: float, low: float, high: float, step: float, tip: str, **more: Any) -> InputSpec:
    return "FLOAT", {"default": default, "min": low, "max": high, "step": step, "tooltip": tip, **more}


def switch(default: bool, tip: str) -> InputSpec:
    return "BOOLEAN", {"default": default, "tooltip": tip}


def text(default: str, tip: str, **more: Any) -> InputSpec:
    return "STRING", {"default": default, "tooltip": tip, **more}
