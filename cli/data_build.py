"""`anisora data build`: raw episodes into a folder of clips to train on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..anisora_core.training.clip_selection.build import MANIFEST, BuildSettings, build_clips
from .output import add_json_option, print_facts, progress_line


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora data build",
        description="Cut the videos of a folder into shots, drop what is not fit to train on, and write the rest as clips. A build that was stopped goes on.",
    )
    usual = BuildSettings()
    root.add_argument("raw", type=Path, metavar="RAW_DIR")
    root.add_argument("out", type=Path, metavar="OUT_DIR")
    root.add_argument(
        "--min-seconds",
        type=float,
        default=usual.min_seconds,
        help=f"of a clip; default {usual.min_seconds:g}",
    )
    root.add_argument(
        "--max-seconds",
        type=float,
        default=usual.max_seconds,
        help=f"longer shots are divided; default {usual.max_seconds:g}",
    )
    root.add_argument(
        "--side", type=int, default=usual.side, help=f"shorter side at most, in pixels; default {usual.side}"
    )
    root.add_argument(
        "--content",
        type=float,
        default=usual.content,
        help=f"PySceneDetect's threshold of a cut; default {usual.content:g}",
    )
    root.add_argument(
        "--most-held",
        type=float,
        default=usual.most_held,
        help=f"share of repeated frames above which a clip is a still; default {usual.most_held:g}",
    )
    root.add_argument(
        "--most-blur",
        type=float,
        default=usual.most_blur,
        help=f"0 is sharp, 1 blurred; default {usual.most_blur:g}",
    )
    root.add_argument(
        "--similar-bits",
        type=int,
        default=usual.similar_bits,
        help=f"of 64, up to which two clips look alike; default {usual.similar_bits}",
    )
    root.add_argument("--workers", type=int, default=1, help="processes, one episode each; default 1")
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    """1 when a video could not be read; the others are in the folder."""
    options = parser().parse_args(arguments)
    settings = BuildSettings(
        options.min_seconds,
        options.max_seconds,
        options.side,
        options.content,
        most_held=options.most_held,
        most_blur=options.most_blur,
        similar_bits=options.similar_bits,
    )
    if options.workers < 1:
        raise ValueError(f"--workers {options.workers}: give 1 or more")
    report = build_clips(options.raw, options.out, settings, progress_line(), workers=options.workers)
    facts = {
        "kept": len(report.kept),
        "seconds": round(report.seconds_kept, 1),
        "dropped": [f"{name}: {why}" for name, why in report.dropped.items()],
        "unreadable": [f"{name} {why}" for name, why in report.unreadable.items()],
        "manifest": str(options.out / MANIFEST),
    }
    print_facts(facts, options)
    return 1 if report.unreadable else 0
