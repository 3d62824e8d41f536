"""The `anisora` command: finds the module of a command and runs it.

Exit code 0 only when it did what it was asked; an error is one line. A module is imported when its command is called,
so that `anisora --help` is quick.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from importlib import import_module

#: Command -> one line of help. Its module is named like it (`data check` is data_check.py) and has `main(arguments) -> int`.
COMMANDS = {
    "run": "execute a workflow without ComfyUI",
    "generate": "make one clip",
    "inspect": "identify a weights file and check that it is complete",
    "convert": "write a model or LoRA file in another format",
    "bench": "time our networks beside diffusers' on the same weights",
    "evaluate": "measure clips, and show them side by side on one page",
    "doctor": "describe this installation on one page, for a bug report",
    "data art": "prepare openly licensed drawings to train mini on",
    "data cartoons": "render cartoon clips as training data",
    "data captions": "write .txt captions for drawings that have none",
    "data build": "cut episodes into clips to train on",
    "data check": "list the contents and problems of a training folder",
    "train mini": "train the small model that comes with the pack",
    "train lora": "train a style LoRA from a folder of drawings",
}


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # A console that lacks a letter of a file's name must not end the work.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        for count in (1, 2):
            name = " ".join(words[:count])
            if name in COMMANDS:
                return import_module(f".{name.replace(' ', '_')}", __name__).main(words[count:])
    except (ValueError, OSError) as error:
        print("anisora:", " ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("anisora: stopped", file=sys.stderr)
        return 130
    groups = {name.partition(" ")[0] for name in COMMANDS if " " in name}
    if words and words[0] in groups:
        return listing(words[1:], words[0])
    return listing(words)


def listing(words: Sequence[str], group: str = "") -> int:
    """Help for all commands or those of a group, if `words` ask for it; else the error that no command has this name."""
    prog, prefix = (f"anisora {group}", f"{group} ") if group else ("anisora", "")
    parser = argparse.ArgumentParser(
        prog=prog,
        description="AniSora on the command line.",
        epilog=f"`{prog} COMMAND --help` lists a command's options.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        if name.startswith(prefix):
            commands.add_parser(name.removeprefix(prefix), help=text)
    parser.parse_args(words)
    parser.error(f"unknown command {' '.join(words)!r}")
