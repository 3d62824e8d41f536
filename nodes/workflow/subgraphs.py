"""A workflow of the frontend with the content of its subgraphs in one graph, as the frontend sends it to the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .graph import Link

#: Kinds of rows that stand for a subgraph: its node, and inside of it where its inputs come from.
SUBGRAPH, SUBGRAPH_INPUT = "(subgraph)", "(inputs of a subgraph)"
#: The frontend's ids of the edges of a subgraph, and how deep subgraphs may be in each other.
_INPUTS, _OUTPUTS, _DEEPEST = "-10", "-20", 30


@dataclass
class FlatGraph:
    """`rows`: nodes as the file has them, by their id; `links`: where each comes from. Both are named by the way to them.

    A row of kind SUBGRAPH has `results`, the inner link of each output (None without one), and in its inputs the `value` of each
    widget; one of SUBGRAPH_INPUT has `instance`, the id of that row.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    links: dict[str, Link] = field(default_factory=dict[str, Link])


def flat(data: Mapping[str, Any]) -> FlatGraph:
    """KeyError, TypeError, AttributeError, IndexError or ValueError for what the frontend does not write."""
    known = {row["id"]: row for row in data.get("definitions", {}).get("subgraphs", [])}
    graph = FlatGraph()
    _add(graph, data, known, "", 0, 0)
    return graph


def _add(
    graph: FlatGraph, part: Mapping[str, Any], known: Mapping[str, Any], before: str, mode: int, depth: int
) -> None:
    """`mode`: that of the node whose content it is; what is inside a node that is switched off is so too."""
    if depth > _DEEPEST:
        raise ValueError("a subgraph contains itself")
    for link in part["links"]:
        key, node, slot = (
            (link["id"], link["origin_id"], link["origin_slot"]) if isinstance(link, dict) else link[:3]
        )
        graph.links[f"{before}{key}"] = Link(f"{before}{node}", int(slot))
    for row in part["nodes"]:
        key = f"{before}{row['id']}"
        inputs = [
            slot if slot.get("link") is None else {**slot, "link": f"{before}{slot['link']}"}
            for slot in row.get("inputs", [])
        ]
        graph.rows[key] = {**row, "inputs": inputs, "mode": mode or row.get("mode", 0)}
        if row["type"] in known:
            _add_content(graph, key, known[row["type"]], known, depth)


def _add_content(
    graph: FlatGraph, key: str, content: Mapping[str, Any], known: Mapping[str, Any], depth: int
) -> None:
    row, inside = graph.rows[key], f"{key}:"
    results: list[str | None] = [None] * len(content["outputs"])
    for link in content["links"]:
        if str(link["target_id"]) == _OUTPUTS:
            results[link["target_slot"]] = f"{inside}{link['id']}"
    row |= {"type": SUBGRAPH, "results": results, "inputs": _with_values(row, content["inputs"])}
    graph.rows[inside + _INPUTS] = {"type": SUBGRAPH_INPUT, "instance": key}
    _add(graph, content, known, inside, row["mode"], depth + 1)


def _with_values(row: Mapping[str, Any], declared: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The node's inputs in the order that the subgraph declares, with the values of their widgets."""
    saved = {slot["name"]: dict(slot) for slot in row["inputs"]}
    widgets = [slot for slot in row["inputs"] if "widget" in slot]
    values = row.get("widgets_values") or []
    for slot, value in zip(widgets, values, strict=False):
        saved[slot["name"]]["value"] = value
    return [saved.get(slot["name"], {"name": slot["name"]}) for slot in declared]
