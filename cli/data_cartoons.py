"""`anisora data cartoons`: rendered clips, each with its caption and the area that moves."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from ..anisora_core.data.cartoons import CartoonClip, Split, make_shot, render
from ..anisora_core.domain.atomic_write import write_beside
from ..anisora_core.media.contact_sheet import contact_sheet
from ..anisora_core.media.video import write_mp4
from .arguments import parse_size
from .output import add_json_option, print_facts

#: Clips on the contact sheet.
SHEET_CLIPS = 24


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora data cartoons", description="Render cartoon clips as training data."
    )
    root.add_argument("--count", type=int, required=True, help="number of clips")
    root.add_argument("--out", type=Path, required=True, help="folder for the clips")
    root.add_argument(
        "--seed", type=int, default=0, help="seed of the first clip; each next clip has the next seed"
    )
    splits: tuple[Split, ...] = get_args(Split)
    root.add_argument("--split", choices=splits, default=splits[0], help="for training or for tests")
    root.add_argument("--length", type=int, default=33, help="frames")
    root.add_argument("--size", default="128x128", metavar="WxH", help="pixels")
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    width, height = parse_size(options.size)
    check(options.count, options.length, width, height)
    sheet: list[np.ndarray] = []
    for number in range(options.count):
        shot = make_shot(options.seed + number, split=options.split)
        clip = render(shot, num_frames=options.length, height=height, width=width)
        write(clip, options.out, f"{number:04d}")
        if number < SHEET_CLIPS:
            sheet.append(clip.frames_FHWC)
    contact_sheet(sheet, options.out / "sheet.png")
    require_all(options.out, options.count)
    print_facts({"out": str(options.out), "clips": options.count}, options)
    return 0


def check(count: int, num_frames: int, width: int, height: int) -> None:
    """ValueError for what cannot be rendered."""
    if count < 1:
        raise ValueError(f"--count {count}: use at least 1")
    if num_frames < 2 or height % 2 or width % 2 or min(height, width) < 32:
        raise ValueError(
            f"shape {num_frames} frames of {width}x{height}: use 2 frames or more, even sides from 32"
        )


def require_all(folder: Path, count: int) -> None:
    """ValueError when clips that were written are gone: the folder was moved or cleared meanwhile."""
    there = sum((folder / f"{number:04d}.mp4").is_file() for number in range(count))
    if there < count:
        raise ValueError(
            f"--out {folder}: {count - there} of {count} clips are gone; leave the folder alone, and render again"
        )


def write(clip: CartoonClip, folder: Path, name: str) -> None:
    """NAME.mp4, NAME.json with what is known of it, and NAME_area.png, white where anything ever moves."""
    write_mp4(clip.frames_FHWC, folder / f"{name}.mp4", clip.fps)
    facts = {k: v for k, v in vars(clip).items() if not k.endswith("HWC") and not k.endswith("FHW")}
    with write_beside(folder / f"{name}.json") as part:
        part.write_text(json.dumps(facts, indent=1) + "\n")
    with write_beside(folder / f"{name}_area.png") as part:
        Image.fromarray(clip.moving_FHW.any(0)).save(part)
