"""Where a training's files are, and its stages: of a release with two experts, each is trained in one of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ...domain.release import Part
from ...generation.loading import Files
from ..loop import saved_step
from .recipe import Recipe


@dataclass(frozen=True)
class Place:
    """Where things go and what is trained on. `loras`: the finished file's folder; `run`: all else, and what resumes."""

    loras: Path
    run: Path
    files: Files
    device: torch.device
    dtype: torch.dtype
    tokenizer_folder: Path | None = None


@dataclass(frozen=True)
class Stage:
    """A network to train beside, and the noise levels that are its own: of a release with two experts there are two."""

    part: Part = "transformer"
    low: float = 0.0
    high: float = 1.0
    steps: int = 0

    def name(self, whole: str) -> str:
        """Of its file, when `whole` is the training's: each of two experts has its own."""
        return whole if self.part == "transformer" else f"{whole}_{self.part}"

    def file(self, recipe: Recipe, place: Place) -> Path:
        """The finished LoRA."""
        return place.loras / f"{self.name(recipe.name)}.safetensors"

    def folder(self, run: Path) -> Path:
        return run if self.part == "transformer" else run / self.part


def start_of(recipe: Recipe, stage: Stage) -> Path:
    path = Path(recipe.start)
    return path.with_stem(stage.name(path.stem))


def stages_of(recipe: Recipe) -> list[Stage]:
    boundary = recipe.model.boundary
    if boundary is None:
        return [Stage(steps=recipe.steps)]
    high = round(recipe.steps * recipe.high_share)
    both = [Stage("high_noise", boundary, 1.0, high), Stage("low_noise", 0.0, boundary, recipe.steps - high)]
    return [stage for stage in both if stage.steps]


def files_made(recipe: Recipe, place: Place) -> list[Path]:
    """The finished LoRA, or that of each expert."""
    return [stage.file(recipe, place) for stage in stages_of(recipe)]


def is_done(recipe: Recipe, run: Path) -> bool:
    """Whether each has its steps: more, when the recipe asks for fewer than before."""
    return all(saved_step(stage.folder(run)) >= stage.steps for stage in stages_of(recipe))


def has_begun(recipe: Recipe, run: Path) -> bool:
    """Whether there is anything to go on with."""
    return any(saved_step(stage.folder(run)) for stage in stages_of(recipe))
