"""`anisora data check`: what a folder of training drawings and clips holds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..anisora_core.data.training_folder import read_training_folder
from ..anisora_core.releases import DEFAULT_RELEASE, RELEASES, find_release
from ..anisora_core.training.lora.dataset import report_of
from ..anisora_core.training.lora.recipe import LoraRecipe
from .output import add_json_option, print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="anisora data check", description="Say what a training folder holds.")
    root.add_argument("folder", type=Path)
    root.add_argument(
        "--release",
        default=DEFAULT_RELEASE,
        help=f"the release that the drawings will be resized for: {', '.join(RELEASES)}",
    )
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    find_release(options.release)
    found = report_of(read_training_folder(options.folder), LoraRecipe(release=options.release))
    print_facts(found.as_json() if options.json else {"folder": found.lines()}, options)
    return 0
