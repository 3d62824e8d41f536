"""`anisora data art`: a library of openly licensed drawings for mini's training."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..anisora_core.data.drawings.prepare import prepare_library
from ..anisora_core.data.drawings.sources import SOURCES
from .output import add_json_option, print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora data art",
        description="Prepare openly licensed drawings from packages: shrunk, without duplicates, with SOURCES.md.",
    )
    root.add_argument("--out", type=Path, required=True, help="folder for the drawings")
    root.add_argument("--sources", nargs="+", default=list(SOURCES), metavar="NAME", help=", ".join(SOURCES))
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    kept = seen = 0
    for kept, seen in prepare_library(options.sources, options.out):
        if seen % 500 == 0:
            sys.stderr.write(f"{kept} of {seen} drawings kept\n")
    print_facts({"out": str(options.out), "drawings": kept, "seen": seen}, options)
    return 0
