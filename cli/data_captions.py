"""`anisora data captions`: captions beside drawings that have none."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..anisora_core.data.captions import captions_by_model, captions_from_names, write_captions
from ..anisora_core.data.training_folder import read_training_folder
from .output import add_json_option, print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora data captions", description="Write .txt captions for drawings that have none."
    )
    root.add_argument("folder", type=Path)
    root.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="folder of a transformers captioning model; without it, captions are made from the file names",
    )
    root.add_argument("--overwrite", action="store_true", help="replace existing captions")
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    items = read_training_folder(options.folder).items
    wanted = [item for item in items if options.overwrite or not item.caption]
    if options.model:
        captions = captions_by_model([item.path for item in wanted], options.model)
    else:
        captions = captions_from_names(wanted)
    written = write_captions(captions, overwrite=options.overwrite)
    print_facts({"drawings": len(items), "captions_written": len(written)}, options)
    return 0
