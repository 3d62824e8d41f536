"""`anisora evaluate`: a report card of clips, as a table, as JSON and as one HTML page."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ..anisora_core.domain.atomic_write import try_place, write_beside
from ..anisora_core.evaluation.report_card.card import make_card
from ..anisora_core.evaluation.report_card.card_page import page_of
from ..anisora_core.evaluation.report_card.card_table import table_of
from ..anisora_core.evaluation.report_card.subject import clips_in, read_prompts, references_in
from ..anisora_core.evaluation.report_card.with_weights import allow
from ..nodes.host.standalone import models_folder
from .output import add_json_option, progress_line

JSON, PAGE = "report_card.json", "report_card.html"


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora evaluate",
        description="Measure clips. Folders are runs that are compared by the names of their clips; single files are one run together. "
        f"Writes {JSON} and {PAGE}.",
    )
    root.add_argument("clips", type=Path, nargs="+", metavar="CLIPS")
    root.add_argument(
        "--reference",
        type=Path,
        metavar="DIR",
        help="true clips NAME.mp4, drawings NAME.png (first frame), NAME@24.png or NAME@last.png, motion areas NAME.mask.png",
    )
    root.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE",
        help="JSON of names and prompts, or lines of name, tab, prompt",
    )
    root.add_argument(
        "--out", type=Path, default=Path("report_card"), metavar="DIR", help="default: report_card"
    )
    root.add_argument(
        "--allow-code",
        action="append",
        default=[],
        metavar="FILE",
        help="a TorchScript file in models/evaluation that may be run, since it is a program: inception-2015-12-05.pt for FID, i3d_torchscript.pt for FVD; repeatable",
    )
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    """1 when a clip could not be measured; the others are in the card."""
    options = parser().parse_args(arguments)
    runs = runs_of(options.clips)
    references = references_in(options.reference)
    prompts = read_prompts(options.prompts) if options.prompts else {}
    for name in (JSON, PAGE):
        try_place(options.out / name)
    folder = models_folder() / "evaluation"
    weights = allow(folder if folder.is_dir() else None, options.allow_code)
    card = make_card(runs, references, prompts, weights=weights, progress=progress_line())
    facts = card.as_json()
    write_text(options.out / JSON, json.dumps(facts, indent=1, allow_nan=False, ensure_ascii=False))
    write_text(options.out / PAGE, page_of(card, "Report card: " + ", ".join(runs)))
    if options.json:
        print(json.dumps({"json": str(options.out / JSON), "page": str(options.out / PAGE), "runs": [
            {key: run[key] for key in ("name", "valid_sample_ratio", "summary")} for run in facts["runs"]
        ]}))  # fmt: skip
    else:
        for line in table_of(card):
            print(line)
        print(f"\npage: {options.out / PAGE}\njson: {options.out / JSON}")
    return 1 if any(clip.problem for run in card.runs for clip in run.clips) else 0


def write_text(path: Path, text: str) -> None:
    with write_beside(path) as part:
        part.write_text(text, "utf-8")


def runs_of(places: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Name of a run -> its clips by name. Folders of one name are told apart by the folder above."""
    runs: dict[str, dict[str, Path]] = {}
    files = [place for place in places if not place.is_dir()]
    if files:
        runs["clips"] = {path.stem: path for path in files}
        if len(runs["clips"]) < len(files):
            raise ValueError(
                "CLIPS: two files have one name; put them into two folders, which are then compared"
            )
    for folder in (place.resolve() for place in places if place.is_dir()):
        name = folder.name if folder.name not in runs else f"{folder.parent.name}/{folder.name}"
        if name in runs:
            raise ValueError(f"CLIPS: {str(folder)!r} is given twice; give each folder once")
        runs[name] = clips_in(folder)
    return runs
