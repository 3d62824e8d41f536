"""How far long shots drift, by each way of continuing: `python benchmarks/long_shots.py --clips 12 --save`.

Cartoons of held-out styles whose camera stands still, the first frame as the drawing, 129 frames. Results of each shot are kept in `--work`, so a
run can be stopped, resumed and sharded (`--shard 0/2`).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.domain.atomic_write import write_beside
from comfyui_anisora.anisora_core.evaluation.suites.held_out_cartoons import find_clip
from comfyui_anisora.anisora_core.evaluation.suites.long_shots import (
    CONTINUED,
    Continued,
    as_row,
    continued_frames,
    measure_closed,
    measure_shot,
    summarize,
    summarize_closed,
)
from comfyui_anisora.anisora_core.generation.components import Components
from comfyui_anisora.anisora_core.generation.loading import ASSETS, load_mini
from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.releases import find_release
from publish import add_options, publish

RELEASE = find_release("mini")
PARTS = 4
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
#: Of the cartoons, numbers that `find_clip` has not given to the other suites.
FIRST = 500
#: Frames of each row of the contact sheet.
SHOWN = 9


def measure(components: Components, index: int, way: Continued, options: argparse.Namespace) -> None:
    """One shot, its figures and the frames for the sheet kept in files."""
    path = options.work / f"{way}_{index:02}.json"
    if path.exists():
        return
    clip, since = find_clip(FIRST + index, "area"), time.process_time()
    frames, joints = continued_frames(components, RELEASE, clip, way, options.frames)
    row = as_row(measure_shot(clip, frames, joints, PARTS))
    shown = frames[np.linspace(0, len(frames) - 1, SHOWN).round().astype(int)]
    with write_beside(path.with_suffix(".npz")) as part:
        np.savez_compressed(part, shown=shown)
    with write_beside(path) as part:
        part.write_text(json.dumps({**row, "cpu_seconds": round(time.process_time() - since, 1)}))


def measure_loop(components: Components, index: int, options: argparse.Namespace) -> None:
    path = options.work / f"closed_{index:02}.json"
    if not path.exists():
        clip = find_clip(FIRST + index, "area")
        row = asdict(measure_closed(components, RELEASE, clip, options.frames))
        with write_beside(path) as part:
            part.write_text(json.dumps(row))


def collected(options: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for way in options.ways:
        rows = [json.loads(path.read_text()) for path in sorted(options.work.glob(f"{way}_*.json"))]
        if rows:
            seconds = float(np.mean([row["cpu_seconds"] for row in rows]))
            result[way] = {
                "shots": len(rows), **summarize(rows), "cpu_seconds_per_shot": round(seconds, 1)
            }  # fmt: skip
    closed = [json.loads(path.read_text()) for path in sorted(options.work.glob("closed_*.json"))]
    return {**result, "closed": {"shots": len(closed), **summarize_closed(closed)}} if closed else result


def save_sheet(options: argparse.Namespace) -> None:
    """Rows of chained and of anchored shots, in pairs; in the docs with --save."""
    pairs = [options.work / f"{way}_{index:02}.npz" for index in range(3) for way in ("chain", "anchored")]
    shown = [np.load(path)["shown"] for path in pairs if path.exists()]
    place = PICTURES / "long_shots.jpg" if options.save else options.work / "sheet.png"
    if shown:
        contact_sheet(shown, place, columns=SHOWN)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini", help="mini, or a folder made by `anisora train mini`")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--frames", type=int, default=129)
    parser.add_argument(
        "--ways", nargs="+", choices=CONTINUED, default=["chain", "frame", "latents", "anchored"]
    )
    parser.add_argument("--shard", default="0/1", help="K/N: only clips K, K + N, ...")
    parser.add_argument("--work", type=Path, default=Path("runs/long_shots"))
    parser.add_argument("--no-loops", action="store_true", help="only shots that end wherever they do")
    add_options(parser)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    folder = ASSETS / "mini" if options.model == "mini" else Path(options.model)
    components = load_mini(folder, torch.bfloat16)
    shard, of = (int(part) for part in options.shard.split("/"))
    for index in range(shard, options.clips, of):
        for way in options.ways:
            measure(components, index, way, options)
        if not options.no_loops:
            measure_loop(components, index, options)
    save_sheet(options)
    publish({"frames": options.frames, **collected(options)}, "long_shots", options)


if __name__ == "__main__":
    main()
