"""What a command reports when it is done, on the standard output."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
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


def progress_line() -> Callable[[str, int, int], None]:
    """Shows what is worked on, how many are done of how many, and how long the rest takes, on one line of the error output if that is a terminal."""
    since = time.monotonic()

    def show(what: str, done: int, count: int) -> None:
        if sys.stderr.isatty():
            left = f", {(time.monotonic() - since) / done * (count - done):.0f} s left" if done else ""
            print(
                f"\r\x1b[K{done} of {count}, {what}{left}", end="" if done < count else "\n", file=sys.stderr
            )

    return show
