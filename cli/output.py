"""What a command reports when it is done, on the standard output."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="report in one line of JSON")


def print_facts(facts: Mapping[str, Any], options: argparse.Namespace) -> None:
    """`name: value` lines, a line for each item of a list; or JSON, if `options` ask for it."""
    if options.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        for line in value if isinstance(value, list) else [value]:
            print(f"{name}: {line}")
