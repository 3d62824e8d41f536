"""What a resumed training must share with what its folder holds, and which files it may replace."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from itertools import chain
from pathlib import Path
from typing import Any

from ...data.training_folder import TrainingFolder
from ...domain.atomic_write import write_beside
from ...domain.json_text import read_json
from ...generation.loading import files_of_part
from ..engine.same_inputs import require_same_inputs
from .lora_file import is_made_by, is_made_on
from .recipe import OPTIONS, LoraRecipe, read_recipe
from .stages import Place, files_made, has_begun, stages_of

_ADVICE = "use that, choose another name, or delete the training there"


def remember(recipe: LoraRecipe, place: Place, drawings: TrainingFolder) -> None:
    """Leaves in the run's folder what `require_same` compares with."""
    recipe.save(place.run / "recipe.json")
    contents = sorted(item.content for item in drawings.items)
    said = {
        "network": network_of(recipe, place),
        "drawings": contents,
        "id": _id_of(place.run) or secrets.token_hex(8),
    }
    with write_beside(_materials(place.run)) as part:
        part.write_text(json.dumps(said), "utf-8")


def marks_of(run: Path) -> list[str]:
    """What a LoRA has of the run folder that it is made in: its place, as a hash since files are passed on, and a number that it
    keeps when it is moved.
    """
    place = os.path.normcase(os.path.abspath(run))
    number = _id_of(run)
    return [hashlib.sha256(place.encode()).hexdigest()[:16], *([number] if number else [])]


def _id_of(run: Path) -> str:
    try:
        return str(read_json(_materials(run)).get("id", ""))
    except (ValueError, AttributeError):
        return ""


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
    try:
        kept: dict[str, Any] = dict(read_json(_materials(run)))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{_materials(run)} is damaged ({error}); choose another name") from None
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
        if path.exists() and not is_made_on(path, images):
            raise ValueError(
                f"name: {path} exists, and is not a LoRA of {images}; choose another name, or move that file away"
            )


def own_path(path: Path, recipe: LoraRecipe, run: Path) -> Path:
    """`path`, or with a number where a training in another run folder, or somebody, has left a file of this name."""
    numbered, number = path, 1
    while numbered.exists() and not is_made_by(numbered, recipe.data.images, marks_of(run)):
        number += 1
        numbered = path.with_stem(f"{path.stem}_{number}")
    return numbered


def network_of(recipe: LoraRecipe, place: Place) -> dict[str, int]:
    """Names and bytes of the base model's files; they may have moved."""
    files = chain.from_iterable(
        files_of_part(recipe.model, place.files, stage.part) for stage in stages_of(recipe)
    )
    return {file.name: file.stat().st_size for file in files}


def _materials(run: Path) -> Path:
    return run / "materials.json"
