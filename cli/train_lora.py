"""`anisora train lora`: the recipe's fields as options."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import FrameType
from typing import Any

from ..anisora_core.domain.release import Part
from ..anisora_core.generation.loading import find_files
from ..anisora_core.runtime.planner import LoraPlan, block_memory_of, plan_lora, tokens_of
from ..anisora_core.runtime.precision import fast_dtype
from ..anisora_core.training.loop import processes
from ..anisora_core.training.lora.curriculum import (
    FOLDER,
    curricula,
    read_curriculum,
    recipes_of,
    train_curriculum,
)
from ..anisora_core.training.lora.events import (
    Encoding,
    Event,
    Finished,
    Said,
    Sampled,
    Saved,
    Stepped,
    Warned,
)
from ..anisora_core.training.lora.recipe import PRESETS, Recipe, read_recipe
from ..anisora_core.training.lora.stages import Place
from ..nodes.host.standalone import device, model_file, models_folder
from .arguments import PARTS
from .facts import print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora train lora",
        description="A style LoRA from a folder of drawings. Ctrl-C saves; the same command goes on.",
    )
    root.add_argument("--preset", choices=PRESETS, default="normal", help="where the options start from")
    root.add_argument(
        "--recipe", type=Path, metavar="FILE", help="a recipe.json of an earlier training, instead"
    )
    root.add_argument("--out", type=Path, help="folder of the finished file; models/loras unless told")
    # not --run: torchrun would take it for an option of its own
    root.add_argument(
        "--folder", type=Path, help="for checkpoints, samples and log; runs/lora/NAME unless told"
    )
    for option in ("weights", "low-noise", "vae", "text-encoder", "image-encoder"):
        root.add_argument(f"--{option}", metavar="FILE", help="as in `anisora generate`")
    root.add_argument(
        "--curriculum",
        metavar="NAME",
        help=f"train in phases: {', '.join(curricula())}, or a file of your own like those in {FOLDER.name}",
    )
    root.add_argument("--plan", action="store_true", help="say what memory it will need, and stop")
    root.add_argument("--json", action="store_true")
    for one in fields(Recipe):
        flag = f"--{one.name.replace('_', '-')}"
        kind = type(one.default)
        more: dict[str, Any] = {
            "default": None,
            "help": f"{one.metadata['tip']} [{one.default}]".replace("%", "%%"),
        }
        if kind is bool:
            root.add_argument(flag, action=argparse.BooleanOptionalAction, **more)
        else:
            root.add_argument(flag, type=kind, choices=one.metadata.get("choices"), **more)
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    facts = train(options)
    if facts:
        print_facts(facts, options)
    return 0


def train(options: argparse.Namespace) -> dict[str, Any]:
    """What the finished training says; {} from other processes than the first."""
    recipe = read_recipe(options.recipe) if options.recipe else PRESETS[options.preset]
    told = {one.name: getattr(options, one.name) for one in fields(Recipe)}
    recipe = replace(recipe, **{name: value for name, value in told.items() if value is not None})
    phases = read_curriculum(options.curriculum) if options.curriculum else []
    if options.plan:
        plans = map(planned, recipes_of(recipe, phases))
        return {"plan": max(plans, key=lambda plan: plan.device).lines()}
    named: dict[Part, str] = {part: getattr(options, name) or "" for part, name in PARTS.items()}
    here = processes().device or device()
    place = Place(
        loras=options.out or models_folder() / "loras",
        run=options.folder or Path("runs", "lora", recipe.name),
        files=find_files(recipe.model, named, model_file),
        device=here,
        dtype=fast_dtype(here),
    )
    stop = threading.Event()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second one ends it at once

    before = signal.signal(signal.SIGINT, asked)
    facts: dict[str, Any] = {}
    try:
        for event in train_curriculum(recipe, phases, place, stop.is_set):
            if not processes().is_main_process:
                continue
            show(event)
            if isinstance(event, Finished):
                facts = {
                    "files": [str(path) for path in event.paths],
                    "steps": event.step,
                    "seconds": round(event.seconds, 1),
                }
                facts["folder"] = str(place.run)
                if not event.is_whole:
                    facts["note"] = "stopped and saved; the same command goes on"
    finally:
        signal.signal(signal.SIGINT, before)
    return facts


def planned(recipe: Recipe) -> LoraPlan:
    """Of the largest step: on stills, or on moving examples."""
    steps = [(recipe.batch, 1)] if recipe.shares.still else []
    if recipe.shares.are_moving:
        steps.append((recipe.moving_batch, recipe.lengths[0]))
    tokens = (
        math.ceil(batch / recipe.accumulate) * tokens_of(recipe.model, recipe.pixels, num_frames)
        for batch, num_frames in steps
    )
    return plan_lora(
        block_memory_of(recipe.model),
        tokens=max(tokens),
        rank=recipe.rank,
        is_fp8=recipe.base == "fp8",
        swap_blocks=recipe.swap_blocks,
        checkpointing=recipe.checkpointing,
        optimizer_bytes=2 if recipe.optimizer == "adamw8bit" else 8,
    )


def show(event: Event) -> None:
    """On the standard error; steps on one line of a terminal."""
    if isinstance(event, Stepped):
        is_shown = sys.stderr.isatty() or event.step % 50 == 0
        text = f"step {event.step}/{event.total} loss {event.smooth:.4f} {event.seconds_left:.0f} s left"
        if is_shown:
            sys.stderr.write(text + ("\r" if sys.stderr.isatty() else "\n"))
    elif isinstance(event, Encoding):
        if event.done % 50 == 0 or event.done == event.total:
            sys.stderr.write(f"encoded {event.done} of {event.total}\n")
    elif isinstance(event, Said):
        sys.stderr.writelines(f"{line}\n" for line in event.lines)
    elif isinstance(event, Warned):
        sys.stderr.write(f"warning: {event.text}\n")
    elif isinstance(event, Sampled):
        sys.stderr.write(f"samples {event.sheet} (motion {event.motion_ratio:.2f} of the base model's)\n")
    elif isinstance(event, Saved):
        sys.stderr.write(f"saved {event.path}\n")
