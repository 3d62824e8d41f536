"""The workflows that ship, and those of every version ever published, which keep running."""

from __future__ import annotations

import json
from pathlib import Path

WORKFLOWS = Path(__file__).parents[1] / "workflows"


def is_shipped(path: Path) -> bool:
    shipped = WORKFLOWS / path.name
    return shipped.exists() and shipped.read_bytes() == path.read_bytes()


#: Makes no clip, but a LoRA: the tests named test_trainer*.py run it.
STYLE_LORA = WORKFLOWS / "style_lora.json"
SHIPPED = sorted(path for path in WORKFLOWS.glob("*.json") if path != STYLE_LORA)
#: Of every version: 0.1.0 as first shown and, in 0.1.0-last, as in its last commit. Files that still ship as they were run once.
PUBLISHED = sorted(
    path
    for path in (Path(__file__).parent / "data" / "published").glob("*/*.json")
    if path.name != STYLE_LORA.name and not is_shipped(path)
)


def name_of(path: Path) -> str:
    return path.stem if path in SHIPPED else f"{path.parent.name}-{path.stem}"


def release_of(path: Path) -> str:
    rows = json.loads(path.read_text())["nodes"]
    return next(row["widgets_values"][0] for row in rows if row["type"] == "AniSoraModelLoader")


def sampling_node(path: Path) -> str:
    """The class of the node that samples, for settings such as its steps."""
    kinds = {row["type"] for row in json.loads(path.read_text())["nodes"]}
    return "AniSoraLongShot" if "AniSoraLongShot" in kinds else "AniSoraSampler"
