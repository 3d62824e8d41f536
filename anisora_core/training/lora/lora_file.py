"""The LoRA file of a training: its names, what it says about itself, and its thumbnail."""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from ...data.training_folder import TrainingFolder
from ...domain.atomic_write import write_beside
from ...domain.json_text import parse_json
from ...domain.release import Release
from ...families import family_of
from ...lora.changes import Change
from ...lora.write import write_changes
from ...media.thumbnails import jpeg_url, thumbnail
from .recipe import LoraRecipe, options_in

#: Pixels of the longer side.
THUMBNAIL_SIDE = 256
#: Keys of a LoRA's metadata: the recipe that made it, as JSON; and what tells its run folder from others.
_RECIPE_KEY, _RUN_KEY = "anisora.recipe", "anisora.run"


def save_lora(
    path: Path, changes: Mapping[str, Change], release: Release, metadata: Mapping[str, str]
) -> None:
    """In names that every tool reads; whole or not at all."""
    family = family_of(release)
    written = write_changes(changes, family, family.lora.trained_as, None)
    tensors = {name: value.contiguous() for name, value in written.tensors.items()}
    digest = hashlib.sha256(b"".join(value.numpy().tobytes() for _, value in sorted(tensors.items())))
    with write_beside(path) as part:
        part.write_bytes(save(tensors, {**metadata, "modelspec.hash_sha256": f"0x{digest.hexdigest()}"}))


def metadata_of(
    recipe: LoraRecipe,
    folder: TrainingFolder,
    run: Sequence[str],
    step: int,
    thumbnail_HWC: np.ndarray | None = None,
) -> dict[str, str]:
    """kohya's `ss_` keys and Stability's modelspec, which viewers show; and the recipe that makes it again."""
    tags = Counter(tag.strip() for item in folder.items for tag in item.caption.split(",") if tag.strip())
    release, optimization = recipe.model, recipe.optimization
    family = family_of(release)
    side = math.isqrt(recipe.pixels)
    said = {
        "ss_output_name": recipe.name,
        "ss_base_model_version": release.name,
        "ss_network_module": "networks.lora",
        "ss_network_dim": recipe.adapter.rank,
        "ss_network_alpha": recipe.adapter.alpha or recipe.adapter.rank,
        "ss_learning_rate": recipe.peak_learning_rate,
        "ss_lr_scheduler": optimization.schedule,
        "ss_optimizer": optimization.optimizer,
        "ss_num_train_images": len(folder.items),
        "ss_resolution": f"({side}, {side})",
        "ss_steps": step,
        "ss_max_train_steps": optimization.steps,
        "ss_seed": recipe.seed,
        "ss_timestep_sampling": recipe.noise.timestep_sampling,
        "ss_tag_frequency": json.dumps({folder.root.name: dict(tags.most_common(200))}, ensure_ascii=False),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": family.lora.architecture,
        "modelspec.implementation": "ComfyUI-AniSora",
        "modelspec.title": recipe.name,
        "modelspec.trigger_phrase": recipe.captions.trigger,
        "modelspec.resolution": f"{side}x{side}",
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modelspec.prediction_type": family.prediction(release, 1).name,
        _RECIPE_KEY: json.dumps(asdict(recipe), ensure_ascii=False),
        _RUN_KEY: " ".join(run),
    }
    if thumbnail_HWC is not None:
        said |= thumbnail_metadata(thumbnail_HWC)
    return {key: str(value) for key, value in said.items()}


def is_made_by(lora: Path, images: str, run: Sequence[str]) -> bool:
    """Whether a LoRA file names one of the marks of `run`, or, from before those were written, the folder `images`."""
    marks = _metadata_in(lora).get(_RUN_KEY)
    return is_made_on(lora, images) if marks is None else not set(run).isdisjoint(marks.split())


def is_made_on(lora: Path, images: str) -> bool:
    """Whether a LoRA of this trainer says that it was trained on the folder `images`."""
    try:
        named = str(options_in(parse_json(_metadata_in(lora)[_RECIPE_KEY]))["images"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return bool(named) and _whole(named) == _whole(images)


def _metadata_in(lora: Path) -> dict[str, str]:
    try:
        with safe_open(lora, "pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError):
        return {}


def _whole(folder: str) -> str:
    return os.path.normcase(os.path.abspath(folder))


def thumbnail_metadata(picture_HWC: np.ndarray) -> dict[str, str]:
    return {"modelspec.thumbnail": jpeg_url(picture_HWC, THUMBNAIL_SIDE)}


def thumbnail_path(lora: Path) -> Path:
    """Beside the LoRA under its name, where ComfyUI's model library looks for it."""
    return lora.with_suffix(".png")


def save_thumbnail(lora: Path, picture_HWC: np.ndarray) -> None:
    with write_beside(thumbnail_path(lora)) as part:
        thumbnail(picture_HWC, THUMBNAIL_SIDE).save(part)


def add_thumbnail(lora: Path, picture_HWC: np.ndarray) -> None:
    """Into a finished file, and beside it."""
    with safe_open(lora, "pt") as file:
        metadata = dict(file.metadata() or {})
    tensors = load(lora.read_bytes())
    with write_beside(lora) as part:
        part.write_bytes(save(tensors, metadata | thumbnail_metadata(picture_HWC)))
    save_thumbnail(lora, picture_HWC)


def checkpoint_path(run: Path, name: str, step: int) -> Path:
    return run / "checkpoints" / f"{name}_{step:06d}.safetensors"


def remove_old_checkpoints(run: Path, name: str, keep: int) -> None:
    """All but the last `keep`."""
    found = sorted((run / "checkpoints").glob(f"{glob.escape(name)}_??????.safetensors"))
    for old in found[:-keep]:
        old.unlink()
