"""How `mini` is made: VAE on frames, VAE on clips, latents, transformer weak to strong, export.

Every stage resumes from its folder; `--warm` starts from the shipped weights instead of from nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch

from ...data.drawings.library import INDEX
from ..engine.events import Encoding
from ..engine.loop import StepReport
from ..engine.run_folder import locked
from ..engine.same_inputs import remember_inputs, require_same_inputs
from ..engine.stop_signals import stop_requests
from .mini_recipe import RECIPES, MiniRecipe
from .mini_stages import (
    MiniRun,
    cache_latents,
    export,
    train_transformer,
    train_vae_clips,
    train_vae_decoder,
    train_vae_frames,
)

log = logging.getLogger(__name__)

STAGES: dict[str, Callable[[MiniRun], Iterator[StepReport | Encoding]]] = {
    "vae-frames": train_vae_frames,
    "vae-clips": train_vae_clips,
    "latents": cache_latents,
    "weak": partial(train_transformer, strong=False),
    "strong": partial(train_transformer, strong=True),
    "vae-decoder": train_vae_decoder,
    "export": export,
}


def passed(minutes: float | None) -> Callable[[], bool]:
    """From now on; never for None."""
    deadline = time.monotonic() + minutes * 60 if minutes else math.inf
    return lambda: time.monotonic() > deadline


def main(arguments: Sequence[str]) -> int:
    """`anisora train mini`: run the stages asked for, in order; each continues where it stopped."""
    parser = argparse.ArgumentParser(prog="anisora train mini", description=__doc__)
    parser.add_argument("--recipe", choices=RECIPES, default="gpu" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--run", type=Path, default=Path("runs/mini"), help="folder of the run")
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument(
        "--art",
        type=Path,
        metavar="DIR",
        help="drawings made by `anisora data art`, for most of the clips; without it, all are cartoons",
    )
    parser.add_argument("--warm", action="store_true", help="start from the shipped weights")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the transformer's blocks; needs a C++ compiler on a CPU",
    )
    parser.add_argument(
        "--seed",
        type=int,
        help="seed of weights and clips; with --warm use another one, to train on new clips",
    )
    parser.add_argument("--minutes", type=float, help="save and stop each stage after this many minutes")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = RECIPES[options.recipe]
    if options.seed is not None:
        recipe = replace(recipe, seed=options.seed)
    busy = f"--run: another training runs in {options.run}; wait until it ends, or choose another folder"
    with locked(options.run, busy), stop_requests() as asked:
        require_same_recipe(recipe, options.run, warm=options.warm, art=options.art)
        for stage in options.stages:
            is_late = passed(options.minutes)
            run = MiniRun(
                recipe,
                options.run,
                device,
                options.stages,
                art=options.art,
                warm=options.warm,
                compile=options.compile,
                should_stop=lambda is_late=is_late: asked.is_set() or is_late(),
            )
            for report in STAGES[stage](run):
                log.info("%s %s", stage, described(report))
                if asked.is_set() and isinstance(report, Encoding):
                    break
            if asked.is_set():
                log.info("stopped and saved; the same command continues")
                break
    return 0


def require_same_recipe(
    recipe: MiniRecipe, folder: Path, *, warm: bool = False, art: Path | None = None
) -> None:
    """ValueError when the folder holds a run of another recipe, which this one cannot continue; leaves its own there."""
    kept = folder / "recipe.json"
    inputs = json.loads(json.dumps({**asdict(recipe), "warm": warm, "art": hash_of(art) if art else ""}))
    if kept.exists():
        advice = "use that, or choose another folder with --run"
        require_same_inputs(json.loads(kept.read_text("utf-8")), inputs, folder, advice=advice)
    else:
        remember_inputs(kept, inputs)


def hash_of(art: Path) -> str:
    """Of the library's index, which has the hash of every drawing."""
    return hashlib.sha256((art / INDEX).read_bytes()).hexdigest()


def described(report: StepReport | Encoding) -> str:
    if isinstance(report, Encoding):
        return f"encoded {report.done} of {report.total}"
    figures = " ".join(f"{key} {value:.3f}" for key, value in report.metrics.items())
    pace = f"{report.seconds_per_step:.2f} s/step"
    return f"{report.step}/{report.total} loss {report.loss:.4f} {pace} {figures}"


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
