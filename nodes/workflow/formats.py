"""Workflow files, in UI or API format -> nodes by id; and back to the API format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .graph import Link, Node, class_of, widget_names

#: Nodes that exist in the frontend only.
_FRONTEND_ONLY = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
#: The frontend's modes for a node that is switched off, and for one that hands its inputs on.
_MUTED, _BYPASSED = 2, 4


def read_workflow(path: Path, classes: Mapping[str, type]) -> dict[str, Node]:
    """Nodes by id. ValueError naming the file, and the node of an unknown class."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"workflow {path} cannot be read ({error}); save it again from ComfyUI") from None
    try:
        nodes = from_ui(data, classes) if "nodes" in data else from_api(data)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"workflow {path} is not a ComfyUI workflow ({error!r}); save it again from ComfyUI"
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
        nodes[key] = Node(
            key, row["class_type"], row.get("_meta", {}).get("title", row["class_type"]), inputs
        )
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
    rows = {str(row["id"]): row for row in data["nodes"]}
    links = {row[0]: Link(str(row[1]), int(row[2])) for row in data["links"]}
    nodes: dict[str, Node] = {}
    for key, row in rows.items():
        if row["type"] in _FRONTEND_ONLY or row.get("mode", 0) in (_MUTED, _BYPASSED):
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
    """Where a link comes from, as the frontend resolves it: past reroutes and bypassed nodes; None for a muted one.

    The value itself if it comes from a primitive node.
    """
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
