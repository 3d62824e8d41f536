"""Where a training's files are, and its stages: a release with two experts is trained in one for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ...domain.release import Part
from ...generation.loading import Files
from ..engine.run_folder import saved_step
from .recipe import LoraRecipe


@dataclass(frozen=True)
class Place:
    """Where files go and what is trained on. `loras`: folder of the finished file; `run`: all else, and what a training resumes from."""

    loras: Path
    run: Path
    files: Files
    device: torch.device
    dtype: torch.dtype
    tokenizer_folder: Path | None = None


@dataclass(frozen=True)
class Stage:
    """A base model to train a LoRA for, and its range of noise levels: of a release with two experts there are two."""

    part: Part = "transformer"
    low: float = 0.0
    high: float = 1.0
    steps: int = 0

    def name(self, whole: str) -> str:
        """Of its file, when `whole` is the training's: each of two experts has its own."""
        return whole if self.part == "transformer" else f"{whole}_{self.part}"

    def file(self, recipe: LoraRecipe, place: Place) -> Path:
        """The finished LoRA."""
        return place.loras / f"{self.name(recipe.name)}.safetensors"

    def folder(self, run: Path) -> Path:
        return run if self.part == "transformer" else run / self.part

    def resumed_from(self, recipe: LoraRecipe) -> Path | None:
        """The LoRA file that the recipe continues from, or that of this expert."""
        path = Path(recipe.adapter.resume_from_lora)
        return path.with_stem(self.name(path.stem)) if recipe.adapter.resume_from_lora else None


def stages_of(recipe: LoraRecipe) -> list[Stage]:
    boundary, steps = recipe.model.boundary, recipe.optimization.steps
    if boundary is None:
        return [Stage(steps=steps)]
    high = round(steps * recipe.noise.high_share)
    both = [Stage("high_noise", boundary, 1.0, high), Stage("low_noise", 0.0, boundary, steps - high)]
    return [stage for stage in both if stage.steps]


def files_made(recipe: LoraRecipe, place: Place) -> list[Path]:
    """The finished LoRA, or that of each expert."""
    return [stage.file(recipe, place) for stage in stages_of(recipe)]


def is_done(recipe: LoraRecipe, run: Path) -> bool:
    """Whether each stage has its steps: more, when the recipe asks for fewer than before."""
    return all(saved_step(stage.folder(run)) >= stage.steps for stage in stages_of(recipe))


def has_begun(recipe: LoraRecipe, run: Path) -> bool:
    """Whether there is anything to continue from."""
    return any(saved_step(stage.folder(run)) for stage in stages_of(recipe))
