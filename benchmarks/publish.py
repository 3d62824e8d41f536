"""What every benchmark does with its figures in the end: say where they come from, keep them if asked, print them."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Mapping
from datetime import date
from typing import Any

import torch
from comfyui_anisora.anisora_core.domain.atomic import write_beside
from comfyui_anisora.anisora_core.training.export import commit
from provenance import RESULTS, depends_on, tracked_files


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", action="store_true", help="keep the figures in benchmarks/results")
    parser.add_argument("--json", action="store_true")


def publish(figures: Mapping[str, Any], name: str, options: argparse.Namespace) -> None:
    """`name`: of the file in benchmarks/results. `options`: with those of `add_options`."""
    machine = {"cpu": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    said = {**figures, "machine": machine, "commit": commit(), "date": str(date.today())}
    said["depends_on"] = depends_on(name, tracked_files())
    if options.save:
        with write_beside(RESULTS / f"{name}.json") as part:
            part.write_text(json.dumps(said, indent=1) + "\n")
    if options.json:
        print(json.dumps(said, indent=1))
        return
    show(said)


def show(figures: Mapping[str, Any], indent: str = "") -> None:
    """A figure a line, those of a group below its name."""
    for key, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{key}")
            show(value, f"{indent}  ")
        else:
            print(f"{indent}{key:32} {value}")
