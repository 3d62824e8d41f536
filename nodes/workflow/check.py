"""What the host checks before it runs anything: nothing missing, links of the right type, choices and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from .graph import Link, Node, class_of, inputs_of, is_widget

_TEXT_TYPES = {"STRING": str, "BOOLEAN": bool}


def check_inputs(node: Node, nodes: Mapping[str, Node], classes: Mapping[str, type]) -> None:
    """ValueError naming the input that is wrong, and the fix."""
    known = inputs_of(node.kind, classes)
    own = getattr(classes.get(node.kind), "VALIDATE_INPUTS", None)
    unlisted = signature(own).parameters if own else ()
    for name in class_of(node.kind, classes).INPUT_TYPES().get("required", {}):
        if name not in node.inputs:
            raise ValueError(f"input {name!r} is missing; connect it or give it a value")
    for name, value in node.inputs.items():
        if name in known and isinstance(value, Link):
            check_link(name, value, known[name][0], nodes, classes)
        elif name in known:
            check_value(name, value, ("STRING",) if name in unlisted else known[name])
        elif node.kind in classes:
            raise ValueError(f"input {name!r} does not exist; it has {', '.join(known)}")


def check_link(
    name: str, link: Link, wanted: Any, nodes: Mapping[str, Node], classes: Mapping[str, type]
) -> None:
    if link.node not in nodes:
        raise ValueError(
            f"input {name!r} comes from node {link.node}, which does not exist; connect it again"
        )
    outputs = class_of(nodes[link.node].kind, classes).RETURN_TYPES
    if not 0 <= link.slot < len(outputs):
        raise ValueError(
            f"input {name!r} comes from an output that node {link.node} does not have; connect it again"
        )
    if isinstance(wanted, str) and outputs[link.slot] != wanted:
        raise ValueError(
            f"input {name!r} takes {wanted}, but {outputs[link.slot]} is connected; change the link"
        )


def check_value(name: str, value: Any, spec: Any) -> None:
    limits = spec[1] if len(spec) > 1 else {}
    if isinstance(spec[0], list):
        if value not in spec[0]:
            raise ValueError(f"{name} {value!r} is unknown; use one of {', '.join(map(str, spec[0]))}")
    elif not is_widget(spec):
        raise ValueError(f"input {name!r} takes {spec[0]} from another node, not a value; connect it")
    elif spec[0] in _TEXT_TYPES and not isinstance(value, _TEXT_TYPES[spec[0]]):
        raise ValueError(f"{name} {value!r} is not {spec[0]}; write it again")
    elif spec[0] in ("INT", "FLOAT"):
        if isinstance(value, bool) or not isinstance(value, int if spec[0] == "INT" else int | float):
            raise ValueError(f"{name} {value!r} is not {spec[0]}; give a number")
        if not limits.get("min", value) <= value <= limits.get("max", value):
            raise ValueError(f"{name} {value} is outside {limits.get('min')}..{limits.get('max')}")
