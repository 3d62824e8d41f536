"""Workflows without a host: UI or API format -> one form -> executed node by node."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .stand_in import HOST_NODES, HOST_WIDGETS, OutputFolder

_WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}


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
    links = {row[0]: Link(str(row[1]), int(row[2])) for row in data["links"]}
    nodes: dict[str, Node] = {}
    for row in data["nodes"]:
        if row["type"] in ("Note", "MarkdownNote") or row.get("mode", 0) != 0:
            continue
        values = row.get("widgets_values") or []
        inputs: dict[str, Any] = dict(zip(widget_names(row["type"], classes), values, strict=False))
        inputs.pop("", None)
        for slot in row.get("inputs", []):
            if slot.get("link") is not None:
                inputs[slot["name"]] = links[slot["link"]]
        nodes[str(row["id"])] = Node(str(row["id"]), row["type"], row.get("title", row["type"]), inputs)
    return nodes


def widget_names(kind: str, classes: Mapping[str, type]) -> list[str]:
    """Names of a node's widgets in saved order; "" for the extra one that follows a seed."""
    if kind not in classes:
        return list(HOST_WIDGETS.get(kind, ()))
    names: list[str] = []
    schema = classes[kind].INPUT_TYPES()  # type: ignore[attr-defined]
    for name, spec in (*schema.get("required", {}).items(), *schema.get("optional", {}).items()):
        if isinstance(spec[0], list) or spec[0] in _WIDGET_TYPES:
            names.append(name)
            if len(spec) > 1 and spec[1].get("control_after_generate"):
                names.append("")
    return names


def override(nodes: dict[str, Node], setting: str) -> None:
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
        if input_name not in node.inputs:
            raise ValueError(
                f"--set {setting!r}: {node.kind} has no input {input_name!r}; it has {', '.join(node.inputs)}"
            )
        node.inputs[input_name] = typed(value, node.inputs[input_name])


def typed(value: str, like: Any) -> Any:
    try:
        if isinstance(like, bool):
            return {"true": True, "false": False}[value.lower()]
        return type(like)(value) if isinstance(like, int | float) else value
    except (ValueError, KeyError):
        raise ValueError(f"--set: {value!r} is not a {type(like).__name__}, as {like!r} is") from None


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
    """Run every node; returns the files saved under `out`. Errors name the node and its input's fix."""
    output = OutputFolder(out, [])
    results: dict[str, tuple[Any, ...]] = {}
    with torch.inference_mode():
        for node in in_order(nodes):
            try:
                results[node.id] = run_node(node, classes, results, output)
            except ValueError as error:
                raise ValueError(f"node {node.id} ({node.title}): {error}") from None
    return output.files


def run_node(
    node: Node, classes: Mapping[str, type], results: Mapping[str, tuple[Any, ...]], output: OutputFolder
) -> tuple[Any, ...]:
    kind: Any = classes.get(node.kind) or HOST_NODES[node.kind]
    inputs = {n: results[v.node][v.slot] if isinstance(v, Link) else v for n, v in node.inputs.items()}
    if node.kind in classes:
        check_inputs(kind.INPUT_TYPES(), inputs)
    if getattr(kind, "IS_OUTPUT", False):
        inputs["output"] = output
    result = getattr(kind(), kind.FUNCTION)(**inputs)
    return result["result"] if isinstance(result, dict) else result


def check_inputs(schema: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    """What the host checks before it runs a node: nothing missing, choices and ranges kept."""
    known = {**schema.get("required", {}), **schema.get("optional", {})}
    for name in schema.get("required", {}):
        if name not in inputs:
            raise ValueError(f"input {name!r} is missing; connect it or give it a value")
    for name, value in inputs.items():
        if name not in known:
            raise ValueError(f"input {name!r} does not exist; it has {', '.join(known)}")
        spec = known[name]
        limits = spec[1] if len(spec) > 1 else {}
        if isinstance(spec[0], list) and value not in spec[0]:
            raise ValueError(f"{name} {value!r} is unknown; use one of {', '.join(map(str, spec[0]))}")
        if spec[0] in ("INT", "FLOAT") and not limits.get("min", value) <= value <= limits.get("max", value):
            raise ValueError(f"{name} {value} is outside {limits.get('min')}..{limits.get('max')}")
