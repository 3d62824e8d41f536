"""`anisora run`: a workflow, without ComfyUI."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from ..nodes import NODE_CLASS_MAPPINGS
from ..nodes.host.standalone import placing
from ..nodes.workflow import execute, override, read_workflow
from .arguments import add_placement_options, placement_of
from .output import add_json_option, print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="anisora run", description="Execute a workflow without ComfyUI.")
    root.add_argument("workflow", type=Path, help="a file saved from ComfyUI, in UI or API format")
    root.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="change an input; NODE is the id, title or class of a node",
    )
    root.add_argument("--out", type=Path, default=Path("output"), help="folder for the saved files")
    add_placement_options(root)
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    nodes = read_workflow(options.workflow, NODE_CLASS_MAPPINGS)
    for setting in options.set:
        override(nodes, setting, NODE_CLASS_MAPPINGS)
    since = time.monotonic()
    with placing(placement_of(options)):
        files = execute(nodes, NODE_CLASS_MAPPINGS, options.out)
    facts = {"files": [str(file) for file in files], "seconds": round(time.monotonic() - since, 1)}
    print_facts(facts, options)
    return 0
