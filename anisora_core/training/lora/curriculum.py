"""Trainings in several phases, each going on from the LoRA of the one before: the paper's fine-tuning recipes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .events import Event, Finished, Sampled, Saved, Stepped
from .recipe import Recipe, check
from .stages import Place
from .trainer import train_lora

#: Those that come with the pack.
FOLDER = Path(__file__).with_name("curricula")


@dataclass(frozen=True)
class Phase:
    """`share` of the recipe's steps; `area` and `fps` as shares of the recipe's; `seconds`: shortest and longest moving example,
    else they last as long as the recipe's; `options`: others of the recipe's.
    """

    name: str
    share: float = 1.0
    area: float = 1.0
    fps: float = 1.0
    seconds: tuple[float, float] | None = None
    options: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())

    def recipe(self, whole: Recipe, steps: int) -> Recipe:
        grid, rate = whole.model.grid, whole.rate * self.fps
        shortest, longest = self.seconds or (0.0, whole.num_frames / whole.rate)
        return replace(
            whole,
            steps=steps,
            area=round(whole.pixels * self.area),
            fps=rate,
            length=grid.nearest_length(round(longest * rate)),
            shortest=grid.nearest_length(round(shortest * rate)) if shortest else 0,
            **self.options,
        )


def curricula() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_curriculum(name: str) -> list[Phase]:
    """By name, or a file of one's own; ValueError for what is none."""
    path = FOLDER / f"{name}.json" if name in curricula() else Path(name)
    try:
        said = json.loads(path.read_text("utf-8"))
        phases = [_phase(each, path) for each in said["phases"]]
    except (OSError, KeyError, TypeError, json.JSONDecodeError):
        raise ValueError(
            f"curriculum {name!r} is none of {', '.join(curricula())} and no file with phases"
        ) from None
    if not phases:
        raise ValueError(f"curriculum {name!r} has no phases; give it one")
    return phases


def _phase(said: Mapping[str, Any], path: Path) -> Phase:
    known, options = {one.name for one in fields(Phase)}, {one.name: one for one in fields(Recipe)}
    unknown = (said.keys() - known) | (said.get("options", {}).keys() - options.keys())
    if unknown:
        raise ValueError(f"curriculum {path}: {min(unknown)} is no option of a phase; remove it")
    for name, value in said.get("options", {}).items():
        check(options[name], value)
    phase = Phase(**said)
    if min(phase.share, phase.area, phase.fps) <= 0.0:
        raise ValueError(
            f"curriculum {path}: phase {phase.name!r} needs share, area and fps above 0; give it more"
        )
    if phase.seconds and not 0.0 <= phase.seconds[0] <= phase.seconds[1]:
        raise ValueError(
            f"curriculum {path}: seconds of phase {phase.name!r} must be shortest, longest; swap them"
        )
    return phase


def recipes_of(whole: Recipe, phases: Sequence[Phase]) -> list[Recipe]:
    """One for each phase; their steps add up to the whole's, which without phases is all there is."""
    if not phases:
        return [whole]
    total, done, before, found = sum(phase.share for phase in phases), 0.0, 0, list[Recipe]()
    for phase in phases:
        done += phase.share
        until = round(whole.steps * done / total)
        if until > before:
            found.append(phase.recipe(whole, until - before))
        before = until
    return found


def train_curriculum(
    whole: Recipe, phases: Sequence[Phase], place: Place, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """As `train_lora`, which it is without phases; else one after the other, each in a folder of the run.

    The last one's file goes where LoRAs are.
    """
    began, before, start = time.monotonic(), 0, whole.start
    recipes = recipes_of(whole, phases)
    last = Finished((), 0, False, 0.0)
    for number, recipe in enumerate(recipes, start=1):
        run = place.run / f"phase_{number}" if phases else place.run
        here = replace(place, run=run, loras=place.loras if number == len(recipes) else run)
        for event in train_lora(replace(recipe, start=start), here, should_stop):
            if isinstance(event, Finished):
                last = event
            else:
                yield _of_the_whole(event, before, whole.steps)
        before += last.step
        if not last.is_whole:
            break
        start = str(run / f"{whole.name}.safetensors")
    yield Finished(last.paths, before, last.is_whole, time.monotonic() - began)


def _of_the_whole(event: Event, before: int, steps: int) -> Event:
    if isinstance(event, Stepped):
        pace = event.seconds_left / max(1, event.total - event.step)
        step = before + event.step
        return replace(event, step=step, total=steps, seconds_left=pace * (steps - step))
    if isinstance(event, Sampled | Saved):
        return replace(event, step=before + event.step)
    return event
