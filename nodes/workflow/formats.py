"""Workflow files, in UI or API format -> nodes by id; and back to the API format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...anisora_core.domain.json_text import read_json
from .graph import Link, Node, class_of, widget_names
from .subgraphs import SUBGRAPH, SUBGRAPH_INPUT, FlatGraph, flat

#: Nodes that exist in the frontend only.
_NO_NODES = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode", SUBGRAPH, SUBGRAPH_INPUT}
#: The frontend's modes for a node that is switched off, and for one that hands its inputs on.
_MUTED, _BYPASSED = 2, 4


def read_workflow(path: Path, classes: Mapping[str, type]) -> dict[str, Node]:
    """Nodes by id. ValueError naming the file, and the node of an unknown class."""
    try:
        data = read_json(path)
    except ValueError as error:
        raise ValueError(
            f"workflow {str(path)!r} cannot be read ({error}); save it again from ComfyUI"
        ) from None
    try:
        nodes = from_ui(data, classes) if "nodes" in data else from_api(data)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError) as error:
        raise ValueError(
            f"workflow {str(path)!r} is not a ComfyUI workflow ({error!r}); save it again from ComfyUI"
        ) from None
    for node in nodes.values():
        if class_of(node.kind, classes) is None:
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
        kind = str(row["class_type"])
        nodes[key] = Node(key, kind, str(row.get("_meta", {}).get("title", kind)), inputs)
    return nodes


def to_api(nodes: Mapping[str, Node]) -> dict[str, Any]:
    """The format that the host's /prompt takes."""
    return {
        node.id: {
            "class_type": node.kind,
            "inputs": {n: [v.node, v.slot] if isinstance(v, Link) else v for n, v in node.inputs.items()},
        }
        for node in nodes.values()
    }


def from_ui(data: Mapping[str, Any], classes: Mapping[str, type]) -> dict[str, Node]:
    """Nodes inside a subgraph have the id of its node before theirs: `4:2`, as the frontend gives to the host."""
    graph = flat(data)
    nodes: dict[str, Node] = {}
    for key, row in graph.rows.items():
        if row["type"] in _NO_NODES or row.get("mode", 0) in (_MUTED, _BYPASSED):
            continue
        values = row.get("widgets_values") or []
        inputs: dict[str, Any] = dict(zip(widget_names(row["type"], classes), values, strict=False))
        inputs.pop("", None)
        for slot in row.get("inputs", []):
            source = None if slot.get("link") is None else source_of(slot["link"], graph)
            if source is not None:
                inputs[slot["name"]] = source
        nodes[key] = Node(key, row["type"], str(row.get("title") or row["type"]), inputs)
    return nodes


def source_of(link: str, graph: FlatGraph) -> Any:
    """Where a link comes from, as the frontend resolves it: past reroutes, bypassed nodes and the edges of subgraphs; None for
    a muted one.

    The value itself if it comes from a primitive node, or from a widget of a subgraph's node.
    """
    for _ in range(len(graph.links) + 1):
        found = graph.links[link]
        row = graph.rows[found.node]
        kind, mode = row["type"], row.get("mode", 0)
        if kind == "PrimitiveNode":
            return row["widgets_values"][0]
        if mode == _MUTED:
            return None
        if kind == SUBGRAPH_INPUT:
            came = graph.rows[row["instance"]]["inputs"][found.slot]
            if came.get("link") is None:
                return came.get("value")
            link = came["link"]
            continue
        if kind == SUBGRAPH and mode != _BYPASSED:
            inputs = [{"link": row["results"][found.slot]}]
        elif kind == "Reroute":
            inputs = row.get("inputs", [])
        elif mode != _BYPASSED:
            return found
        else:
            wanted = row["outputs"][found.slot]["type"]
            inputs = [slot for slot in row.get("inputs", []) if slot["type"] == wanted]
        if not inputs or inputs[0].get("link") is None:
            return None
        link = inputs[0]["link"]
    return None
