"""What a training that goes on must share with what its folder holds, and which files it may replace."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open

from ...data.training_folder import TrainingFolder
from ...domain.atomic import write_beside
from ...generation.loading import files_of_part
from .outputs import RECIPE_KEY
from .recipe import Recipe, read_recipe
from .stages import Place, files_made, has_begun, stages_of

#: Options that may differ when a stopped training goes on.
FREE = {
    "images",
    "steps",
    "save_every",
    "keep",
    "sample_every",
    "first_sample",
    "sample_cfg",
    "sample_prompts",
    "accumulate",
    "checkpointing",
    "swap_blocks",
}
_OTHERWISE = "take that, another name, or delete the training there"


def remember(recipe: Recipe, place: Place, drawings: TrainingFolder) -> None:
    """Leaves in the run's folder what `require_same` compares with."""
    recipe.save(place.run / "recipe.json")
    contents = sorted(item.content for item in drawings.items)
    with write_beside(_materials(place.run)) as part:
        part.write_text(json.dumps({"network": network_of(recipe, place), "drawings": contents}), "utf-8")


def require_same(recipe: Recipe, place: Place, drawings: TrainingFolder | None = None) -> None:
    """ValueError when the run's folder holds a training that this one would not go on with: with other options, beside another
    network, or on a folder that has none of its drawings."""
    run = place.run
    if not (run / "recipe.json").exists() or not has_begun(recipe, run):
        return
    before = asdict(read_recipe(run / "recipe.json"))
    for key, value in asdict(recipe).items():
        if key not in FREE and value != before[key]:
            raise ValueError(f"{key}: {run} holds a training with {key} {before[key]!r}; {_OTHERWISE}")
    if not _materials(run).exists():
        return
    kept: dict[str, Any] = json.loads(_materials(run).read_text("utf-8"))
    if kept["network"] != network_of(recipe, place):
        names = ", ".join(kept["network"])
        raise ValueError(f"transformer: {run} holds a training beside another, {names}; {_OTHERWISE}")
    if drawings and not {item.content for item in drawings.items} & set(kept["drawings"]):
        theirs = before["images"]
        raise ValueError(f"images: {run} holds a training on other drawings, of {theirs}; {_OTHERWISE}")


def require_own(recipe: Recipe, place: Place) -> None:
    """ValueError when the LoRA's name is taken by a file that no training on the folder `images` left."""
    for path in files_made(recipe, place):
        if path.exists() and _trained_on(path) != _whole(recipe.images):
            raise ValueError(
                f"name: {path} is there, and is no LoRA of {recipe.images}; take another name, or move that file away"
            )


@contextmanager
def alone(run: Path) -> Generator[None]:
    """ValueError when another process trains in this folder."""
    run.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run / "training.lock", timeout=0):
            yield
    except Timeout:
        raise ValueError(f"name: another training runs in {run}; let it end, or take another name") from None


def network_of(recipe: Recipe, place: Place) -> dict[str, int]:
    """Names and bytes of the files that are trained beside; they may have moved."""
    files = chain.from_iterable(
        files_of_part(recipe.model, place.files, stage.part) for stage in stages_of(recipe)
    )
    return {file.name: file.stat().st_size for file in files}


def _materials(run: Path) -> Path:
    return run / "materials.json"


def _whole(folder: str) -> str:
    return os.path.normcase(os.path.abspath(folder))


def _trained_on(lora: Path) -> str:
    """The folder of drawings that a LoRA of this trainer names; "" for any other file."""
    try:
        with safe_open(lora, "pt") as file:
            said = json.loads((file.metadata() or {})[RECIPE_KEY])
        return _whole(said["images"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return ""
