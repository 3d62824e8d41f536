"""A workflow as nodes and links, whichever format it was saved in, and what the classes of its nodes declare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .host_nodes import HOST_NODES

WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}


@dataclass(frozen=True)
class Link:
    """The output `slot` of another node."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    """`kind` is the id of its class; an input is a value or a Link."""

    id: str
    kind: str
    title: str
    inputs: dict[str, Any] = field(default_factory=dict)


def class_of(kind: str, classes: Mapping[str, type]) -> Any:
    """One of the pack's own `classes`, or our stand-in for a node of ComfyUI; None for any other."""
    return classes.get(kind) or HOST_NODES.get(kind)


def inputs_of(kind: str, classes: Mapping[str, type]) -> dict[str, Any]:
    """A node's inputs in order, required before optional: name -> (type or choices, options). Empty if unknown."""
    node = class_of(kind, classes)
    schema = node.INPUT_TYPES() if node else {}
    return {**schema.get("required", {}), **schema.get("optional", {})}


def is_widget(spec: Any) -> bool:
    """Whether an input is set in the node itself; others can only be connected."""
    return isinstance(spec[0], list) or spec[0] in WIDGET_TYPES


def widget_names(kind: str, classes: Mapping[str, type]) -> list[str]:
    """Names of a node's widgets in saved order; "" for the extra one that follows a seed."""
    names: list[str] = []
    for name, spec in inputs_of(kind, classes).items():
        if is_widget(spec):
            names.append(name)
            if len(spec) > 1 and spec[1].get("control_after_generate"):
                names.append("")
    return names
