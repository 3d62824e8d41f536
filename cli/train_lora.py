"""`anisora train lora`: the recipe's options as flags."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..anisora_core.generation.loading import find_files
from ..anisora_core.runtime.planner import LoraPlan, block_memory_of, plan_lora, tokens_of
from ..anisora_core.runtime.precision import fast_dtype
from ..anisora_core.training.engine.events import (
    DatasetDescribed,
    Encoding,
    Event,
    Finished,
    Sampled,
    Saved,
    Stepped,
    Warned,
)
from ..anisora_core.training.engine.processes import processes
from ..anisora_core.training.engine.stop_signals import stop_requests
from ..anisora_core.training.lora.curriculum import (
    FOLDER,
    curricula,
    read_curriculum,
    recipes_of,
    train_curriculum,
)
from ..anisora_core.training.lora.option_field import Option
from ..anisora_core.training.lora.presets import PRESETS, PRESETS_TIP
from ..anisora_core.training.lora.recipe import OPTIONS, LoraRecipe, preset, read_recipe
from ..anisora_core.training.lora.stages import Place
from ..nodes.host.standalone import device, model_file, models_folder
from .arguments import named_files
from .output import print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora train lora",
        description="A style LoRA from a folder of drawings. Ctrl-C, kill and docker stop save; the same command continues.",
    )
    root.add_argument(
        "--preset",
        choices=PRESETS,
        default="normal",
        help=f"where the options below start from. {PRESETS_TIP} [normal]",
    )
    root.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        help="a recipe.json of an earlier training, instead of a preset",
    )
    root.add_argument("--out", type=Path, help="folder of the finished file [models/loras]")
    # not --run: torchrun would take it for an option of its own
    root.add_argument("--folder", type=Path, help="folder of checkpoints, samples and log [runs/lora/NAME]")
    for option in ("weights", "low-noise", "vae", "text-encoder", "image-encoder"):
        root.add_argument(f"--{option}", metavar="FILE", help="as in `anisora generate`")
    root.add_argument(
        "--curriculum",
        metavar="NAME",
        help=f"train in phases: {', '.join(curricula())}, or a file of your own like those in {FOLDER.name}",
    )
    root.add_argument("--plan", action="store_true", help="print the memory it will need, and stop")
    root.add_argument("--json", action="store_true")
    groups: dict[str, Callable[..., Any]] = {"": root.add_argument}
    for one in OPTIONS.values():
        if one.group not in groups:
            about = getattr(LoraRecipe(), one.group).__doc__
            groups[one.group] = root.add_argument_group(one.group, about).add_argument
        add_flags(groups[one.group], one)
    return root


def add_flags(add: Callable[..., Any], one: Option) -> None:
    """The flag of an option; flags of earlier versions are accepted, but not shown."""
    said = (one.help if one.default == "" else f"{one.help} [{one.default}]").replace("%", "%%")
    if one.kind is bool:
        more: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
    else:
        more = {"type": one.kind, "choices": list(one.choices) or None}
    for name in (one.name, *one.aliases):
        text = said if name == one.name else argparse.SUPPRESS
        add(f"--{name.replace('_', '-')}", dest=one.name, default=None, help=text, **more)


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    facts = train(options)
    if facts:
        print_facts(facts, options)
    return 0


def recipe_of(options: argparse.Namespace) -> LoraRecipe:
    recipe = read_recipe(options.recipe) if options.recipe else preset(options.preset)
    given = {name: getattr(options, name) for name in OPTIONS}
    return recipe.changed(**{name: value for name, value in given.items() if value is not None})


def place_of(options: argparse.Namespace, recipe: LoraRecipe) -> Place:
    here = processes().device or device()
    return Place(
        loras=options.out or models_folder() / "loras",
        run=options.folder or Path("runs", "lora", recipe.name),
        files=find_files(recipe.model, named_files(options), model_file),
        device=here,
        dtype=fast_dtype(here),
    )


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Facts about the finished training; {} in other processes than the first."""
    recipe = recipe_of(options)
    phases = read_curriculum(options.curriculum) if options.curriculum else []
    if options.plan:
        plans = map(planned, recipes_of(recipe, phases))
        return {"plan": max(plans, key=lambda plan: plan.device).lines()}
    place = place_of(options, recipe)
    facts: dict[str, Any] = {}
    with stop_requests() as stop:
        for event in train_curriculum(recipe, phases, place, stop.is_set):
            if not processes().is_main_process:
                continue
            show(event)
            if isinstance(event, Finished):
                facts = facts_of(event, place)
    return facts


def facts_of(event: Finished, place: Place) -> dict[str, Any]:
    facts = {
        "files": [str(path) for path in event.paths],
        "steps": event.step,
        "seconds": round(event.seconds, 1),
        "folder": str(place.run),
    }
    return facts if event.is_whole else facts | {"note": "stopped and saved; the same command continues"}


def planned(recipe: LoraRecipe) -> LoraPlan:
    """Of the largest step: on stills, or on moving examples."""
    shares, optimization, memory = recipe.step_shares, recipe.optimization, recipe.memory
    steps = [(optimization.batch_size, 1)] if shares.still_share else []
    if shares.are_moving:
        steps.append((recipe.clip_batch_size, recipe.lengths[0]))
    tokens = (
        math.ceil(batch / optimization.gradient_accumulation)
        * tokens_of(recipe.model, recipe.pixels, num_frames)
        for batch, num_frames in steps
    )
    return plan_lora(
        block_memory_of(recipe.model),
        tokens=max(tokens),
        rank=recipe.adapter.rank,
        is_fp8=memory.base == "fp8",
        swap_blocks=memory.blocks_to_swap,
        checkpointing=memory.gradient_checkpointing,
        optimizer_bytes=2 if optimization.optimizer == "adamw8bit" else 8,
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
    elif isinstance(event, DatasetDescribed):
        sys.stderr.writelines(f"{line}\n" for line in event.lines)
    elif isinstance(event, Warned):
        sys.stderr.write(f"warning: {event.text}\n")
    elif isinstance(event, Sampled):
        sys.stderr.write(f"samples {event.sheet} (motion {event.motion_ratio:.2f} of the base model's)\n")
    elif isinstance(event, Saved):
        sys.stderr.write(f"saved {event.path}\n")
