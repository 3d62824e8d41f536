"""Workflows without a host: UI or API format -> one form -> executed node by node."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .host_nodes import HOST_NODES, OutputFolder

_WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
#: Nodes that exist in the frontend only, and its modes that take a node out.
_DRAWN_ONLY = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
_MUTED, _BYPASSED = 2, 4


@dataclass(frozen=True)
class Link:
    """The output `slot` of another node."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    id: str
    kind: str
    title: str
    inputs: dict[str, Any] = field(default_factory=dict)


def read_workflow(path: Path, classes: Mapping[str, type]) -> dict[str, Node]:
    """Nodes by id. ValueError naming the file, and the node it does not know."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"workflow {path} cannot be read ({error}); save it again from ComfyUI") from None
    try:
        nodes = from_ui(data, classes) if "nodes" in data else from_api(data)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"workflow {path} is not a ComfyUI workflow ({error!r} is off); save it again"
        ) from None
    for node in nodes.values():
        if node.kind not in classes and node.kind not in HOST_NODES:
            raise ValueError(
                f"workflow {path.name}: node {node.id} is a {node.kind!r}, which only ComfyUI has; run it there"
            )
    return nodes


def from_api(data: Mapping[str, Any]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for key, row in data.items():
        inputs = {
            name: Link(str(value[0]), int(value[1])) if isinstance(value, list) and len(value) == 2 else value
            for name, value in row["inputs"].items()
        }
        nodes[key] = Node(
            key, row["class_type"], row.get("_meta", {}).get("title", row["class_type"]), inputs
        )
    return nodes


def to_api(nodes: Mapping[str, Node]) -> dict[str, Any]:
    """The form the host's /prompt takes."""
    return {
        node.id: {
            "class_type": node.kind,
            "inputs": {n: [v.node, v.slot] if isinstance(v, Link) else v for n, v in node.inputs.items()},
        }
        for node in nodes.values()
    }


def from_ui(data: Mapping[str, Any], classes: Mapping[str, type]) -> dict[str, Node]:
    rows = {str(row["id"]): row for row in data["nodes"]}
    links = {row[0]: Link(str(row[1]), int(row[2])) for row in data["links"]}
    nodes: dict[str, Node] = {}
    for key, row in rows.items():
        if row["type"] in _DRAWN_ONLY or row.get("mode", 0) in (_MUTED, _BYPASSED):
            continue
        values = row.get("widgets_values") or []
        inputs: dict[str, Any] = dict(zip(widget_names(row["type"], classes), values, strict=False))
        inputs.pop("", None)
        for slot in row.get("inputs", []):
            source = None if slot.get("link") is None else source_of(slot["link"], links, rows)
            if source is not None:
                inputs[slot["name"]] = source
        nodes[key] = Node(key, row["type"], row.get("title") or row["type"], inputs)
    return nodes


def source_of(link: int, links: Mapping[int, Link], rows: Mapping[str, Any]) -> Any:
    """What a link brings, as the frontend resolves it: past reroutes and bypassed nodes; None from a muted one."""
    for _ in range(len(rows)):
        found = links[link]
        row = rows[found.node]
        if row["type"] == "PrimitiveNode":
            return row["widgets_values"][0]
        if row.get("mode", 0) == _MUTED:
            return None
        inputs = row.get("inputs", [])
        if row["type"] != "Reroute":
            if row.get("mode", 0) != _BYPASSED:
                return found
            kind = row["outputs"][found.slot]["type"]
            inputs = [slot for slot in inputs if slot["type"] == kind]
        if not inputs or inputs[0].get("link") is None:
            return None
        link = inputs[0]["link"]
    return None


def inputs_of(kind: str, classes: Mapping[str, type]) -> dict[str, Any]:
    """A node's inputs in order, required before optional: name -> (type or choices, options). Empty if unknown."""
    node: Any = classes.get(kind) or HOST_NODES.get(kind)
    schema = node.INPUT_TYPES() if node else {}
    return {**schema.get("required", {}), **schema.get("optional", {})}


def widget_names(kind: str, classes: Mapping[str, type]) -> list[str]:
    """Names of a node's widgets in saved order; "" for the extra one that follows a seed."""
    names: list[str] = []
    for name, spec in inputs_of(kind, classes).items():
        if is_widget(spec):
            names.append(name)
            if len(spec) > 1 and spec[1].get("control_after_generate"):
                names.append("")
    return names


def is_widget(spec: Any) -> bool:
    return isinstance(spec[0], list) or spec[0] in _WIDGET_TYPES


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


def in_order(nodes: Mapping[str, Node]) -> Iterator[Node]:
    """Nodes after those they take from. ValueError for loops and missing nodes."""
    done: set[str] = set()
    waiting = list(nodes.values())
    while waiting:
        ready = [n for n in waiting if all(v.node in done for v in n.inputs.values() if isinstance(v, Link))]
        if not ready:
            raise ValueError(
                f"workflow: node {waiting[0].id} ({waiting[0].title}) waits for a node that never runs"
            )
        for node in ready:
            done.add(node.id)
            yield node
        waiting = [n for n in waiting if n.id not in done]


def execute(nodes: Mapping[str, Node], classes: Mapping[str, type], out: Path) -> list[Path]:
    """Check all nodes, then run them; returns the files saved under `out`. Errors name the node, the input, the fix."""
    for node in nodes.values():
        with named(node):
            check_inputs(node, nodes, classes)
    output = OutputFolder(out, [])
    results: dict[str, tuple[Any, ...]] = {}
    with torch.inference_mode():
        for node in in_order(nodes):
            with named(node):
                results[node.id] = run_node(node, classes, results, output)
    return output.files


@contextmanager
def named(node: Node) -> Generator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(f"node {node.id} ({node.title}): {error}") from None


def class_of(kind: str, classes: Mapping[str, type]) -> Any:
    return classes.get(kind) or HOST_NODES[kind]


def run_node(
    node: Node, classes: Mapping[str, type], results: Mapping[str, tuple[Any, ...]], output: OutputFolder
) -> tuple[Any, ...]:
    kind = class_of(node.kind, classes)
    inputs = {n: results[v.node][v.slot] if isinstance(v, Link) else v for n, v in node.inputs.items()}
    if getattr(kind, "IS_OUTPUT", False):
        inputs["output"] = output
    result = getattr(kind(), kind.FUNCTION)(**inputs)
    return result["result"] if isinstance(result, dict) else result


def check_inputs(node: Node, nodes: Mapping[str, Node], classes: Mapping[str, type]) -> None:
    """What the host checks before it runs anything: nothing missing, links of the right type, choices and ranges."""
    known = inputs_of(node.kind, classes)
    for name in class_of(node.kind, classes).INPUT_TYPES().get("required", {}):
        if name not in node.inputs:
            raise ValueError(f"input {name!r} is missing; connect it or give it a value")
    for name, value in node.inputs.items():
        if name in known and isinstance(value, Link):
            check_link(name, value, known[name][0], nodes, classes)
        elif name in known:
            check_value(name, value, known[name])
        elif node.kind in classes:
            raise ValueError(f"input {name!r} does not exist; it has {', '.join(known)}")


def check_link(
    name: str, link: Link, wanted: Any, nodes: Mapping[str, Node], classes: Mapping[str, type]
) -> None:
    if link.node not in nodes:
        raise ValueError(f"input {name!r} comes from node {link.node}, which is not there; connect it again")
    outputs = class_of(nodes[link.node].kind, classes).RETURN_TYPES
    if not 0 <= link.slot < len(outputs):
        raise ValueError(f"input {name!r} comes from an output that node {link.node} lacks; connect it again")
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
    elif spec[0] in ("INT", "FLOAT"):
        if isinstance(value, bool) or not isinstance(value, int if spec[0] == "INT" else int | float):
            raise ValueError(f"{name} {value!r} is not {spec[0]}; give a number")
        if not limits.get("min", value) <= value <= limits.get("max", value):
            raise ValueError(f"{name} {value} is outside {limits.get('min')}..{limits.get('max')}")
