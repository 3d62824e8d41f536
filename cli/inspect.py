"""`anisora inspect`: what weights files are, and whether they are whole."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..anisora_core.checkpoints.load import describe
from ..anisora_core.generation.loading import releases_for
from .output import add_json_option, print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora inspect", description="Identify a weights file and check that it is complete."
    )
    root.add_argument("files", nargs="+", type=Path, help="files, shard indexes or folders of shards")
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    for file in options.files:
        releases = releases_for(file)
        print_facts({**describe(file), **({"releases": " or ".join(releases)} if releases else {})}, options)
    return 0
