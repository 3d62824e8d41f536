"""`anisora convert`: a model or LoRA file under other names, in another precision, or in several files."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from ..anisora_core.checkpoints.conversion import convert
from ..anisora_core.checkpoints.detect import file_kinds
from ..anisora_core.checkpoints.renamed import DTYPES
from ..anisora_core.lora.write import FORMS as LORA_FORMS
from .output import add_json_option, print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora convert", description="Write a model or LoRA file in another format."
    )
    root.add_argument("file", type=Path, help="a file, a shard index or a folder of shards")
    of_models = sorted({form for kind in file_kinds() for form in kind.network.forms})
    root.add_argument(
        "--to",
        required=True,
        metavar="FORM",
        help=f"models and encoders: {', '.join(of_models)}; LoRA files: {', '.join(LORA_FORMS)}. "
        "Not every file can be written in every format; the error lists those that it can",
    )
    root.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    root.add_argument("--dtype", choices=("same", *DTYPES), default="same")
    root.add_argument(
        "--rank",
        type=int,
        metavar="N",
        help="LoRA changes that the format cannot store are approximated at this rank",
    )
    root.add_argument(
        "--shard", type=float, metavar="GB", help="split into files of at most this size, with an index"
    )
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    since = time.monotonic()
    facts = convert(
        options.file,
        options.to,
        options.out,
        dtype=options.dtype,
        rank=options.rank,
        shard_gb=options.shard,
    )
    print_facts({**facts, "seconds": round(time.monotonic() - since, 1)}, options)
    return 0
