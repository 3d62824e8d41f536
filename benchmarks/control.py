"""What `mini` obeys, measured on cartoons it never saw: `python benchmarks/control.py --clips 64 --json`.

Held-out styles and seeds throughout, held-out actions in half of the clips. Results of each clip are kept in
`--work`, so a run can be stopped, resumed and sharded (`--shard 0/2`).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.domain.atomic_write import write_beside
from comfyui_anisora.anisora_core.evaluation.suites.control import as_json, from_json, measure_clip, summarize
from comfyui_anisora.anisora_core.evaluation.suites.text_control import train_judge
from comfyui_anisora.anisora_core.evaluation.suites.unseen_art import (
    animate_drawing,
    measure_art,
    read_clips,
    read_drawings,
    storyboard,
)
from comfyui_anisora.anisora_core.generation.components import Components
from comfyui_anisora.anisora_core.generation.loading import ASSETS, load_mini
from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.releases import find_release
from publish import add_options, publish

RELEASE = find_release("mini")
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"


def control(components: Components, options: argparse.Namespace) -> dict[str, Any]:
    options.work.mkdir(parents=True, exist_ok=True)
    judge = train_judge(options.work / "judge.npz")
    shard, of = (int(part) for part in options.shard.split("/"))
    for index in range(shard, options.clips, of):
        path = options.work / f"{index:04d}.json"
        if not path.exists():
            with write_beside(path) as part:
                part.write_text(json.dumps(as_json(measure_clip(components, RELEASE, index, judge))))
    paths = sorted(options.work.glob("[0-9]*.json"))[: options.clips]
    rows = [from_json(json.loads(path.read_text())) for path in paths]
    result = {**summarize(rows, RELEASE), "clips": len(rows), "text_judge": round(judge.accuracy, 4)}
    return result | {"seconds_per_clip": round(float(np.mean([row.seconds for row in rows])), 1)}


def art(components: Components, options: argparse.Namespace) -> dict[str, Any]:
    """Figures, and contact sheets of drawings animated by each workflow."""
    figures = measure_art(components, RELEASE, read_clips(options.art, RELEASE.fps, options.per_file))
    drawings = read_drawings(options.shown or options.art, options.drawings)
    rows = [row for drawing in drawings for row in animate_drawing(components, RELEASE, drawing)]
    boards = [storyboard(components, RELEASE, drawings[:number]) for number in (2, min(5, len(drawings)))]
    out = PICTURES if options.save else options.work
    sheets = {"art_drawings.jpg": rows, "art_keyframes.jpg": boards}
    for name, sheet in sheets.items():
        contact_sheet(sheet, out / name)
    return {**figures.as_json(), "art_sheets": list(sheets)}


def settings() -> dict[str, Any]:
    """Of the release, with which everything is made."""
    named = {
        "cfg": RELEASE.cfg_scale,
        "guidance": RELEASE.guidance,
        "shift": RELEASE.shift,
        "sampler": RELEASE.sampler,
    }
    return {"steps": RELEASE.steps, **named, "size": RELEASE.size, "frames": RELEASE.num_frames}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini", help="mini, or a folder made by `anisora train mini`")
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--shard", default="0/1", help="K/N: only clips K, K + N, ...")
    parser.add_argument("--work", type=Path, default=Path("runs/control"))
    parser.add_argument(
        "--art",
        type=Path,
        help="a folder of clips and drawings: measure on these instead; --save keeps the sheets in docs/pictures",
    )
    parser.add_argument("--drawings", type=int, default=8, help="with --art: drawings on the contact sheet")
    parser.add_argument("--shown", type=Path, help="with --art: take the drawings for the sheet from here")
    parser.add_argument("--per-file", type=int, default=1, help="with --art: shots taken of each clip file")
    add_options(parser)
    options = parser.parse_args()
    folder = ASSETS / "mini" if options.model == "mini" else Path(options.model)
    components = load_mini(folder, torch.bfloat16)
    name, figures = ("art", art) if options.art else ("control", control)
    publish({**figures(components, options), "settings": settings()}, name, options)


if __name__ == "__main__":
    main()
