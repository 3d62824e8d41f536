"""What every benchmark does with its figures in the end: say where they come from, keep them if asked, print them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from comfyui_anisora.anisora_core.domain.atomic_write import write_beside
from comfyui_anisora.anisora_core.evaluation.report import machine, table
from comfyui_anisora.anisora_core.training.export import commit
from provenance import RESULTS, depends_on, tracked_files


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", action="store_true", help="save the figures in benchmarks/results")
    parser.add_argument("--json", action="store_true")


def publish(figures: Mapping[str, Any], name: str, options: argparse.Namespace) -> None:
    """`name`: of the file in benchmarks/results. `options`: with those of `add_options`."""
    dated: dict[str, Any] = {**figures, "machine": machine(), "commit": commit(), "date": str(date.today())}
    dated["depends_on"] = depends_on(name, tracked_files())
    text = json.dumps(dated, indent=1)
    if options.save:
        with write_beside(RESULTS / f"{name}.json") as part:
            part.write_text(text + "\n")
    print(text if options.json else "\n".join(table(dated)))
