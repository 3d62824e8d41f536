"""Windows of a long shot, kept beside its clip while it is made."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from ..anisora_core.generation.kept_windows import KeptWindows
from ..anisora_core.generation.loading import Files
from ..nodes.host.latent_file import told_how_to_continue
from ..nodes.host.standalone import model_file


def kept_beside(out: Path, networks: str = "") -> KeptWindows:
    """`clip.mp4` has them in the folder `clip.windows`."""
    return KeptWindows(out.with_suffix(".windows"), networks)


def telling(kept: KeptWindows | None) -> AbstractContextManager[None]:
    """What goes wrong inside is said together with how to go on, where windows are kept."""

    def keep() -> str:
        done = 0 if kept is None else kept.count
        return f"{done} of its windows kept; the same command goes on with the next one" if done else ""

    return told_how_to_continue(keep)


def networks_of(files: Files, options: argparse.Namespace) -> str:
    """Names the files that a clip is made with, by size and time of change, and how they are used."""
    loras = [text.partition(":")[0].partition("@")[0] for text in options.lora]
    paths = [*files.values(), *filter(None, (model_file("loras", name) for name in loras))]
    said = [
        f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for one in paths for path in all_of(one)
    ]
    return "\n".join([*said, *options.lora, f"fp8 {options.fp8}"])


def all_of(path: Path) -> Iterator[Path]:
    """The file, or all in a folder."""
    yield from sorted(path.iterdir()) if path.is_dir() else (path,)
