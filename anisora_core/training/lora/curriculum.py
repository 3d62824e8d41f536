"""Trainings in several phases, each continuing from the LoRA of the one before: the paper's fine-tuning recipes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ...domain.json_text import read_json
from ..engine.events import Event, Finished, Sampled, Saved, Stepped
from .option_field import check
from .recipe import LoraRecipe, find_option
from .stages import Place
from .trainer import train_lora

#: Those that come with the pack.
FOLDER = Path(__file__).with_name("curricula")


@dataclass(frozen=True)
class CurriculumPhase:
    """`share` of the recipe's steps; `max_pixels` and `fps` as shares of the recipe's; `seconds`: shortest and longest moving
    example, else they last as long as the recipe's; `options`: others of the recipe's.
    """

    name: str
    share: float = 1.0
    max_pixels: float = 1.0
    fps: float = 1.0
    seconds: tuple[float, float] | None = None
    options: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())

    def recipe(self, whole: LoraRecipe, steps: int) -> LoraRecipe:
        grid, fps = whole.model.grid, whole.fps * self.fps
        shortest, longest = self.seconds or (0.0, whole.num_frames / whole.fps)
        values = {
            "steps": steps,
            "max_pixels": round(whole.pixels * self.max_pixels),
            "fps": fps,
            "length": grid.nearest_length(round(longest * fps)),
            "shortest": grid.nearest_length(round(shortest * fps)) if shortest else 0,
        }
        return whole.changed(**values, **self.options)


#: A share or number of seconds that no training comes near.
_MOST = 1e6
#: Names of a phase's fields in files of earlier versions.
_ALIASES = {"area": "max_pixels"}


def curricula() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_curriculum(name: str) -> list[CurriculumPhase]:
    """By name, or a file of one's own; ValueError for what is not a curriculum."""
    path = FOLDER / f"{name}.json" if name in curricula() else Path(name)
    try:
        said = read_json(path)
    except ValueError as error:
        raise ValueError(
            f"curriculum {name!r} is none of {', '.join(curricula())}, nor a file with phases ({error})"
        ) from None
    try:
        phases = [_phase(each, path) for each in said["phases"]]
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(
            f"curriculum {name!r} is none of {', '.join(curricula())}, nor a file with phases ({error!r})"
        ) from None
    if not phases:
        raise ValueError(f"curriculum {name!r} has no phases; give it one")
    return phases


def _phase(said: Mapping[str, Any], path: Path) -> CurriculumPhase:
    values: dict[str, Any] = {_ALIASES.get(name, name): value for name, value in said.items()}
    unknown = values.keys() - {one.name for one in fields(CurriculumPhase)}
    if unknown:
        raise ValueError(f"curriculum {path}: {min(unknown)} is not an option of a phase; remove it")
    options: dict[str, Any] = {}
    for name, value in values.get("options", {}).items():
        try:
            one = find_option(name)
        except ValueError as error:
            raise ValueError(f"curriculum {path}: {error}") from None
        check(one, value)
        options[one.name] = value
    values["options"] = options
    phase = CurriculumPhase(**values)
    if not all(0.0 < value <= _MOST for value in (phase.share, phase.max_pixels, phase.fps)):
        raise ValueError(
            f"curriculum {path}: phase {phase.name!r} needs share, max_pixels and fps above 0 and at most {_MOST:g}"
        )
    if phase.seconds and not 0.0 <= phase.seconds[0] <= phase.seconds[1] <= _MOST:
        raise ValueError(
            f"curriculum {path}: seconds of phase {phase.name!r} must be shortest, longest; swap them"
        )
    return phase


def recipes_of(whole: LoraRecipe, phases: Sequence[CurriculumPhase]) -> list[LoraRecipe]:
    """One for each phase; their steps add up to the whole's. Without phases, the whole alone."""
    if not phases:
        return [whole]
    steps = whole.optimization.steps
    total, done, before, found = sum(phase.share for phase in phases), 0.0, 0, list[LoraRecipe]()
    for phase in phases:
        done += phase.share
        until = round(steps * done / total)
        if until > before:
            found.append(phase.recipe(whole, until - before))
        before = until
    return found


def train_curriculum(
    whole: LoraRecipe,
    phases: Sequence[CurriculumPhase],
    place: Place,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """As `train_lora`, which it is without phases; else one after the other, each in a folder of the run.

    The last one's file goes where LoRAs are.
    """
    began, before, resumed = time.monotonic(), 0, whole.adapter.resume_from_lora
    recipes = recipes_of(whole, phases)
    last = Finished((), 0, False, 0.0)
    for number, recipe in enumerate(recipes, start=1):
        run = place.run / f"phase_{number}" if phases else place.run
        here = replace(place, run=run, loras=place.loras if number == len(recipes) else run)
        for event in train_lora(recipe.changed(resume_from_lora=resumed), here, should_stop):
            if isinstance(event, Finished):
                last = event
            else:
                yield _of_the_whole(event, before, whole.optimization.steps)
        before += last.step
        if not last.is_whole:
            break
        resumed = str(run / f"{whole.name}.safetensors")
    yield Finished(last.paths, before, last.is_whole, time.monotonic() - began)


def _of_the_whole(event: Event, before: int, steps: int) -> Event:
    if isinstance(event, Stepped):
        pace = event.seconds_left / max(1, event.total - event.step)
        step = before + event.step
        return replace(event, step=step, total=steps, seconds_left=pace * (steps - step))
    if isinstance(event, Sampled | Saved):
        return replace(event, step=before + event.step)
    return event
