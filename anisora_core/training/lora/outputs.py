"""What a LoRA training leaves: the file with what it says of itself, checkpoints, and the loss as picture and table."""

from __future__ import annotations

import base64
import csv
import glob
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from safetensors import safe_open
from safetensors.torch import load, save

from ...data.training_folder import TrainingFolder
from ...domain.atomic import write_beside
from ...domain.release import Release
from ...families import family_of
from ...lora.changes import Change
from ...lora.write import write_changes
from .recipe import Recipe

#: Of a LoRA's metadata: the recipe that made it, as JSON.
RECIPE_KEY = "anisora.recipe"


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
    recipe: Recipe, folder: TrainingFolder, step: int, thumbnail_HWC: np.ndarray | None = None
) -> dict[str, str]:
    """kohya's `ss_` keys and Stability's modelspec, which viewers show; and the recipe that makes it again."""
    tags = Counter(tag.strip() for item in folder.items for tag in item.caption.split(",") if tag.strip())
    release = recipe.model
    side = math.isqrt(recipe.pixels)
    said = {
        "ss_output_name": recipe.name,
        "ss_base_model_version": release.name,
        "ss_network_module": "networks.lora",
        "ss_network_dim": recipe.rank,
        "ss_network_alpha": recipe.alpha or recipe.rank,
        "ss_learning_rate": recipe.peak_learning_rate,
        "ss_lr_scheduler": recipe.schedule,
        "ss_optimizer": recipe.optimizer,
        "ss_num_train_images": len(folder.items),
        "ss_resolution": f"({side}, {side})",
        "ss_steps": step,
        "ss_max_train_steps": recipe.steps,
        "ss_seed": recipe.seed,
        "ss_timestep_sampling": recipe.timesteps,
        "ss_tag_frequency": json.dumps({folder.root.name: dict(tags.most_common(200))}, ensure_ascii=False),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": family_of(release).lora.architecture,
        "modelspec.implementation": "ComfyUI-AniSora",
        "modelspec.title": recipe.name,
        "modelspec.trigger_phrase": recipe.trigger,
        "modelspec.resolution": f"{side}x{side}",
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modelspec.prediction_type": family_of(release).prediction(release, 1).name,
        RECIPE_KEY: json.dumps(asdict(recipe), ensure_ascii=False),
    }
    if thumbnail_HWC is not None:
        said |= thumbnail_metadata(thumbnail_HWC)
    return {key: str(value) for key, value in said.items()}


def thumbnail_metadata(picture_HWC: np.ndarray) -> dict[str, str]:
    picture = io.BytesIO()
    small(picture_HWC).save(picture, "JPEG", quality=85)
    data = base64.b64encode(picture.getvalue()).decode()
    return {"modelspec.thumbnail": f"data:image/jpeg;base64,{data}"}


def small(picture_HWC: np.ndarray) -> Image.Image:
    """At most 256 pixels wide and high."""
    image = Image.fromarray(picture_HWC)
    image.thumbnail((256, 256))
    return image


def thumbnail_path(lora: Path) -> Path:
    """Beside the LoRA under its name, where ComfyUI's model library looks for it."""
    return lora.with_suffix(".png")


def save_thumbnail(lora: Path, picture_HWC: np.ndarray) -> None:
    with write_beside(thumbnail_path(lora)) as part:
        small(picture_HWC).save(part)


def read_thumbnail(lora: Path) -> np.ndarray | None:
    """What an earlier run left; None for nothing that can be read."""
    try:
        with Image.open(thumbnail_path(lora)) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError:
        return None


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


def drop_old_checkpoints(run: Path, name: str, keep: int) -> None:
    """All but the last `keep`."""
    found = sorted((run / "checkpoints").glob(f"{glob.escape(name)}_??????.safetensors"))
    for old in found[:-keep]:
        old.unlink()


@dataclass
class Curve:
    """The loss, raw and smoothed by a running average, as loss.csv and loss.png in `folder`."""

    folder: Path
    steps: list[int] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    smooth: list[float] = field(default_factory=list)

    def read(self, until: int) -> None:
        """Go on from the log of an earlier run, up to the step it was saved at."""
        path = self.folder / "loss.jsonl"
        rows = map(_row, path.read_text().splitlines()) if path.exists() else ()
        known = {row["step"]: row["loss"] for row in rows if row and row["step"] <= until}
        for step in sorted(known):
            self.add(step, known[step])

    def add(self, step: int, loss: float) -> float:
        """The average after it."""
        decay = min(0.98, len(self.raw) / (len(self.raw) + 10))
        self.steps.append(step)
        self.raw.append(loss)
        self.smooth.append(decay * (self.smooth[-1] if self.smooth else loss) + (1.0 - decay) * loss)
        return self.smooth[-1]

    def write(self) -> None:
        with write_beside(self.folder / "loss.csv") as part, part.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("step", "loss", "smooth"))
            table.writerows(
                (step, f"{raw:.6f}", f"{smooth:.6f}")
                for step, raw, smooth in zip(self.steps, self.raw, self.smooth, strict=True)
            )
        with write_beside(self.folder / "loss.png") as part:
            draw_curve(self.steps, self.raw, self.smooth).save(part)


def _row(line: str) -> dict[str, Any] | None:
    """None for a line that a full disk or a crash cut short."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def draw_curve(steps: Sequence[int], raw: Sequence[float], smooth: Sequence[float]) -> Image.Image:
    """640 x 360: pale the loss of each step, dark its running average; the scale leaves the highest 2 % out."""
    width, height, left, bottom = 640, 360, 60, 30
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    if not steps:
        return image
    low, high = float(np.min(raw)), float(np.quantile(raw, 0.98))
    high = max(high, low + 1e-6)
    span = max(1, steps[-1] - steps[0])

    def places(values: Sequence[float]) -> list[tuple[float, float]]:
        across = (left + (width - left - 10) * (step - steps[0]) / span for step in steps)
        up = ((min(value, high) - low) / (high - low) for value in values)
        return [(x, (height - bottom) - (height - bottom - 10) * y) for x, y in zip(across, up, strict=True)]

    for share in (0.0, 0.5, 1.0):
        y = (height - bottom) - (height - bottom - 10) * share
        draw.line([(left, y), (width - 10, y)], fill="#dddddd")
        draw.text((6, y - 6), f"{low + (high - low) * share:.3f}", fill="#555555")
    for share in (0.0, 0.5, 1.0):
        x = left + (width - left - 10) * share
        draw.text((x - 12, height - bottom + 8), str(round(steps[0] + span * share)), fill="#555555")
    if len(steps) > 1:
        draw.line(places(raw), fill="#b8cbe4")
        draw.line(places(smooth), fill="#1f4e8c", width=2)
    return image
