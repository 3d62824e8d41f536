"""What a resumed training must share with what its folder holds, and which files it may replace."""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path
from typing import Any

from ...data.training_folder import TrainingFolder
from ...domain.atomic_write import write_beside
from ...generation.loading import files_of_part
from ..engine.same_inputs import require_same_inputs
from .lora_file import images_named_in
from .recipe import OPTIONS, LoraRecipe, read_recipe
from .stages import Place, files_made, has_begun, stages_of

_ADVICE = "use that, choose another name, or delete the training there"


def remember(recipe: LoraRecipe, place: Place, drawings: TrainingFolder) -> None:
    """Leaves in the run's folder what `require_same` compares with."""
    recipe.save(place.run / "recipe.json")
    contents = sorted(item.content for item in drawings.items)
    with write_beside(_materials(place.run)) as part:
        part.write_text(json.dumps({"network": network_of(recipe, place), "drawings": contents}), "utf-8")


def require_same(recipe: LoraRecipe, place: Place, drawings: TrainingFolder | None = None) -> None:
    """ValueError when the run's folder holds a training that this one cannot continue: with other options, for another base
    model, or on a folder that has none of its drawings."""
    run = place.run
    if not (run / "recipe.json").exists() or not has_begun(recipe, run):
        return
    before = read_recipe(run / "recipe.json").flat()
    free = {name for name in OPTIONS if OPTIONS[name].is_free}
    require_same_inputs(before, recipe.flat(), run, free=free, advice=_ADVICE)
    if not _materials(run).exists():
        return
    kept: dict[str, Any] = json.loads(_materials(run).read_text("utf-8"))
    if kept["network"] != network_of(recipe, place):
        names = ", ".join(kept["network"])
        raise ValueError(f"transformer: {run} holds a training for another base model, {names}; {_ADVICE}")
    if drawings and not {item.content for item in drawings.items} & set(kept["drawings"]):
        theirs = before["images"]
        raise ValueError(f"images: {run} holds a training on other drawings, of {theirs}; {_ADVICE}")


def require_own(recipe: LoraRecipe, place: Place) -> None:
    """ValueError when the LoRA's name is taken by a file that no training on the folder `images` left."""
    images = recipe.data.images
    for path in files_made(recipe, place):
        named = path.exists() and images_named_in(path)
        if path.exists() and not (named and _whole(named) == _whole(images)):
            raise ValueError(
                f"name: {path} exists, and is not a LoRA of {images}; choose another name, or move that file away"
            )


def network_of(recipe: LoraRecipe, place: Place) -> dict[str, int]:
    """Names and bytes of the base model's files; they may have moved."""
    files = chain.from_iterable(
        files_of_part(recipe.model, place.files, stage.part) for stage in stages_of(recipe)
    )
    return {file.name: file.stat().st_size for file in files}


def _materials(run: Path) -> Path:
    return run / "materials.json"


def _whole(folder: str) -> str:
    return os.path.normcase(os.path.abspath(folder))
