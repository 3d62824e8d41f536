"""Nodes, each after those it takes from; errors name the node."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...anisora_core.domain.atomic_write import try_place
from ...anisora_core.domain.latents import RawLatent
from ..host.latent_file import LATENT_PREFIX, LATENTS, save_where_there_is_room, told_how_to_continue
from .check import check_inputs
from .graph import Link, Node, class_of
from .host_nodes import OutputFolder

#: Node -> what its outputs are.
Results = dict[str, tuple[Any, ...]]


def execute(nodes: Mapping[str, Node], classes: Mapping[str, type], out: Path) -> list[Path]:
    """Check all nodes, then run them; returns the files saved under `out`. Errors name the node, the input, the fix.

    When a node fails after latents were sampled that no later node has decoded and saved, they are kept in `out`.
    """
    for node in nodes.values():
        with errors_naming(node):
            check_inputs(node, nodes, classes)
    try_place(out / "clip.mp4")
    output = OutputFolder(out, [])
    results: Results = {}
    with torch.inference_mode(), told_how_to_continue(partial(keep_latents, nodes, results, out)):
        for node in in_order(nodes):
            with errors_naming(node):
                results[node.id] = run_node(node, classes, results, output)
    return output.files


def keep_latents(nodes: Mapping[str, Node], results: Results, out: Path) -> str:
    """Latents that were sampled, in files; returns how to go on, or "" where nothing was sampled."""
    latents = [latent for node in nodes.values() if (latent := sampled(node, results)) is not None]
    if not latents:
        return ""
    folders = [folder / LATENTS for folder in (out, Path(tempfile.gettempdir()))]
    paths = [save_where_there_is_room(latent, folders, LATENT_PREFIX) for latent in latents]
    kept = [str(path) for path in paths if path is not None]
    if not kept:
        return "nor was there room for the sampled latents"
    return (
        f"the sampled latents are kept in {', '.join(kept)}; decode them with ComfyUI's Load Latent, or with "
        "anisora generate --latents"
    )


def sampled(node: Node, results: Results) -> RawLatent | None:
    """The latents that a node made of other latents, as samplers do."""

    def latents(values: tuple[Any, ...]) -> list[RawLatent]:
        return [value["samples"] for value in values if isinstance(value, dict) and "samples" in value]

    came = [
        results[link.node][link.slot : link.slot + 1]
        for link in node.inputs.values()
        if isinstance(link, Link) and link.node in results
    ]
    made = latents(results.get(node.id, ()))
    return made[0] if made and any(map(latents, came)) else None


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
