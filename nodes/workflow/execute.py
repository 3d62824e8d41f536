"""Nodes, each after those it takes from; errors name the node."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .check import check_inputs
from .graph import Link, Node, class_of
from .host_nodes import OutputFolder

#: Node -> what its outputs are.
Results = dict[str, tuple[Any, ...]]


def execute(nodes: Mapping[str, Node], classes: Mapping[str, type], out: Path) -> list[Path]:
    """Check all nodes, then run them; returns the files saved under `out`. Errors name the node, the input, the fix."""
    for node in nodes.values():
        with errors_naming(node):
            check_inputs(node, nodes, classes)
    output = OutputFolder(out, [])
    results: Results = {}
    with torch.inference_mode():
        for node in in_order(nodes):
            with errors_naming(node):
                results[node.id] = run_node(node, classes, results, output)
    return output.files


def in_order(nodes: Mapping[str, Node]) -> Iterator[Node]:
    """Nodes after those they take from. ValueError for loops and missing nodes."""
    done: set[str] = set()
    waiting = list(nodes.values())
    while waiting:
        ready = [n for n in waiting if all(v.node in done for v in n.inputs.values() if isinstance(v, Link))]
        if not ready:
            raise ValueError(
                f"workflow: node {waiting[0].id} ({waiting[0].title}) is part of a loop or depends on one; remove a link"
            )
        for node in ready:
            done.add(node.id)
            yield node
        waiting = [n for n in waiting if n.id not in done]


def run_node(
    node: Node, classes: Mapping[str, type], results: Results, output: OutputFolder
) -> tuple[Any, ...]:
    kind = class_of(node.kind, classes)
    inputs = {n: results[v.node][v.slot] if isinstance(v, Link) else v for n, v in node.inputs.items()}
    if getattr(kind, "IS_OUTPUT", False):
        inputs["output"] = output
    result = getattr(kind(), kind.FUNCTION)(**inputs)
    return result["result"] if isinstance(result, dict) else result


@contextmanager
def errors_naming(node: Node) -> Generator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(f"node {node.id} ({node.title}): {error}") from None
