"""Whether `mini` keeps an artist's own drawings, and moves them: `python benchmarks/keeps.py --drawings DIR --json`.

DIR: the folder of which benchmarks/data/held_out_drawings.json lists the drawings, those not there being left out; or any other folder of drawings.
Each is the first frame of two clips, without text and with its caption, at the release's default size and settings. `--calibrate` measures true motion
of the same drawings and damaged clips instead: what the bars were set from. `--control` measures what the model obeys on them: the motion score,
two keyframes of one scene, a motion area.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from comfyui_anisora.anisora_core.evaluation.suites.drawings_control import (
    measure_control,
    summarize_control,
)
from comfyui_anisora.anisora_core.evaluation.suites.held_out_drawings import HeldOutDrawing, read_drawings
from comfyui_anisora.anisora_core.evaluation.suites.kept_drawings import (
    BARS,
    MeasuredClip,
    calibration,
    damaged_clips,
    missed_bars,
    model_clips,
    sheet_row,
    summarize,
    true_clips,
)
from comfyui_anisora.anisora_core.generation.components import Components
from comfyui_anisora.anisora_core.generation.loading import ASSETS, load_mini
from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.releases import find_release
from publish import add_options, publish

RELEASE = find_release("mini")
LISTED = Path(__file__).parent / "data" / "held_out_drawings.json"
#: Clips of each motion of each drawing for a calibration.
SEEDS = 1


def keeps(components: Components, drawings: list[HeldOutDrawing], sheet: Path | None) -> dict[str, Any]:
    clips: list[MeasuredClip] = []
    rows: list[Any] = []
    for drawing in drawings:
        clips += (made := model_clips(components, RELEASE, drawing))
        rows += [sheet_row(clip, drawing, RELEASE) for clip in made]
    truths = [clip for drawing in drawings for clip in true_clips(components.vae, RELEASE, drawing)]
    if sheet:
        contact_sheet(rows, sheet)
    return summarize(clips, truths)


def calibrate(components: Components, drawings: list[HeldOutDrawing], sheet: Path | None) -> dict[str, Any]:
    truths: list[MeasuredClip] = []
    rows: list[Any] = []
    damaged: dict[str, dict[str, int]] = {}
    for drawing in drawings:
        true = [clip for seed in range(SEEDS) for clip in true_clips(components.vae, RELEASE, drawing, seed)]
        broken = damaged_clips(components.vae, RELEASE, drawing)
        for clip in broken:
            counts = damaged.setdefault(clip.kind, {"clips": 0, "caught": 0})
            missed = missed_bars(clip.figures, [one.figures for one in true])
            counts["clips"] += 1
            counts["caught"] += bool(missed)
            for name in missed:
                counts[name] = counts.get(name, 0) + 1
        truths += true
        rows += [sheet_row(clip, drawing, RELEASE) for clip in (*true[:3], *broken)]
    if sheet:
        contact_sheet(rows, sheet)
    return {
        "true": calibration(truths),
        "damaged": damaged,
        "true_pooled": summarize(truths, truths)["pooled"],
    }


def control(components: Components, drawings: list[HeldOutDrawing], sheet: Path | None) -> dict[str, Any]:
    return summarize_control([measure_control(components, RELEASE, drawing) for drawing in drawings])


#: Name of the result -> what measures it.
MEASURES = {"keeps": keeps, "keeps_calibration": calibrate, "keeps_control": control}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini", help="mini, or a folder made by `anisora train mini`")
    parser.add_argument("--drawings", type=Path, required=True, help="a folder of drawings")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--calibrate", dest="name", action="store_const", const="keeps_calibration")
    what.add_argument("--control", dest="name", action="store_const", const="keeps_control")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the clips to this file")
    add_options(parser)
    options = parser.parse_args()
    folder = ASSETS / "mini" if options.model == "mini" else Path(options.model)
    components = load_mini(folder, torch.bfloat16)
    drawings = read_drawings(options.drawings, LISTED)
    name = options.name or "keeps"
    figures = MEASURES[name](components, drawings, options.sheet)
    settings = {"size": RELEASE.size, "frames": RELEASE.num_frames, "motion_score": RELEASE.motion_score}
    publish({**figures, "bars": vars(BARS), "settings": settings}, name, options)


if __name__ == "__main__":
    main()
