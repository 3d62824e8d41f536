"""`NODE.INPUT=VALUE`: an input of a workflow changed from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .graph import Node, inputs_of, is_widget


def override(nodes: dict[str, Node], setting: str, classes: Mapping[str, type]) -> None:
    """Apply `NODE.INPUT=VALUE`; NODE is an id, a title or a class. ValueError when nothing has that name."""
    name, equals, value = setting.partition("=")
    wanted, dot, input_name = name.rpartition(".")
    if not equals or not dot:
        raise ValueError(f"--set {setting!r}: write it as NODE.INPUT=VALUE")
    found = [node for node in nodes.values() if wanted in (node.id, node.title, node.kind)]
    if not found:
        raise ValueError(
            f"--set {setting!r}: no node {wanted!r}; there are {', '.join(sorted({n.kind for n in nodes.values()}))}"
        )
    for node in found:
        known = {name: spec for name, spec in inputs_of(node.kind, classes).items() if is_widget(spec)}
        if input_name not in known:
            raise ValueError(
                f"--set {setting!r}: {node.kind} has no input {input_name!r} to set; it has {', '.join(known)}"
            )
        node.inputs[input_name] = typed(value, known[input_name][0], setting)


def typed(value: str, kind: Any, setting: str) -> Any:
    """Text as the type the input declares, whatever JSON made of its saved value (1.0 is saved as 1)."""
    try:
        if kind == "BOOLEAN":
            return {"true": True, "false": False}[value.lower()]
        return {"INT": int, "FLOAT": float}.get(kind, str)(value) if isinstance(kind, str) else value
    except (ValueError, KeyError):
        raise ValueError(f"--set {setting!r}: {value!r} is not {kind}; give one") from None
