"""What the trainer node asks for: a training followed from the page or terminal, or found finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from ...anisora_core.generation.loading import Files
from ...anisora_core.runtime.precision import fast_dtype
from ...anisora_core.training.engine.events import (
    DatasetDescribed,
    Encoding,
    Event,
    Finished,
    Sampled,
    Stepped,
    Warned,
)
from ...anisora_core.training.engine.loss_curve import LossCurve
from ...anisora_core.training.engine.run_folder import saved_step
from ...anisora_core.training.lora.recipe import LoraRecipe
from ...anisora_core.training.lora.resume import require_own, require_same
from ...anisora_core.training.lora.stages import Place
from ..host import host
from ..host.protocol import TrainingListener
from .job import TrainingJob, job_path, read_job, run_apart

#: Points of the loss curve that are sent to the page, at most.
POINTS = 240


@dataclass
class TrainingProgress:
    """The progress of a training. Each message is complete, so that a page opened meanwhile shows everything after the next one."""

    job: TrainingJob
    phase: str = "starting"
    done: int = 0
    total: int = 0
    seconds_left: float = 0.0
    gigabytes: float = 0.0
    motion_ratio: float = 0.0
    report: Sequence[str] = ()
    warnings: list[str] = field(default_factory=lambda: list[str]())
    losses: list[tuple[float, float]] = field(default_factory=lambda: list[tuple[float, float]]())
    paces: deque[float] = field(default_factory=lambda: deque[float](maxlen=20))

    def __post_init__(self) -> None:
        """Starts from what earlier runs left."""
        curves = [LossCurve(folder) for folder in self.job.folders]
        for curve in curves:
            curve.read(saved_step(curve.folder))
        self.losses = list(chain(*(zip(curve.raw, curve.smooth, strict=True) for curve in curves)))
        self.done, self.total = len(self.losses), self.job.recipe.optimization.steps

    @property
    def sheet(self) -> Path | None:
        """The latest samples."""
        return max((self.job.place.run / "samples").glob("step_*.jpg"), default=None)

    def take(self, event: Event) -> None:
        if isinstance(event, DatasetDescribed):
            self.report = event.lines
        elif isinstance(event, Warned):
            self.warnings.append(event.text)
        elif isinstance(event, Encoding):
            self.phase, self.done, self.total = "encoding", event.done, event.total
        elif isinstance(event, Stepped):
            self.step(event)
        elif isinstance(event, Sampled):
            self.motion_ratio = event.motion_ratio
            self.warnings.clear()  # they were about the earlier samples
        elif isinstance(event, Finished):
            self.phase = "finished"

    def step(self, event: Stepped) -> None:
        self.phase, self.done, self.total = "training", event.step, event.total
        self.gigabytes = event.gigabytes
        self.losses.append((event.loss, event.smooth))
        left = event.total - event.step
        self.paces.append(event.seconds_left / max(1, left))
        self.seconds_left = left * sum(self.paces) / len(self.paces)

    def message(self) -> dict[str, Any]:
        count = len(self.losses)
        shown = sorted({*range(0, count, -(-count // POINTS) or 1), *range(count)[-1:]})
        return {
            "name": self.job.recipe.name,
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "seconds_left": round(self.seconds_left),
            "gigabytes": round(self.gigabytes, 1),
            "motion_ratio": round(self.motion_ratio, 2),
            "sheet": self.sheet and in_output(self.sheet),
            "report": list(self.report),
            "warnings": self.warnings,
            "curve": [[index + 1, *(round(loss, 5) for loss in self.losses[index])] for index in shown],
        }


def in_output(path: Path) -> dict[str, str]:
    """As the host's pages name a file. `version` changes when it is written again."""
    folder = path.parent.relative_to(host.output_folder()).as_posix()
    return {"filename": path.name, "subfolder": folder, "version": str(path.stat().st_mtime_ns)}


@dataclass(frozen=True)
class Trained:
    """`paths`: the LoRA, or that of each of two experts, high noise first. `losses`: of every step. `message`: for the page."""

    paths: Sequence[Path]
    sheet: Path | None
    losses: Sequence[float]
    message: dict[str, Any]


def train_apart(recipe: LoraRecipe, files: Files, drawings: str) -> Trained:
    """Train, or resume, in a process of its own; or find it finished. The user's interrupt is raised when everything is saved.

    `drawings` names what the folder holds: a finished training on others is set aside. ValueError names what is wrong.
    """
    device, run = host.device(), host.output_folder() / "anisora_training" / recipe.name
    place = Place(host.loras_folder(), run, files, device, fast_dtype(device), host.tokenizer_folder())
    job = TrainingJob(recipe, place, drawings)
    require_same(recipe, place)
    if job.is_done and job_path(run).exists() and read_job(job_path(run)).drawings != drawings:
        require_own(recipe, place)
        set_aside(run)
    progress, listen = TrainingProgress(job), host.training_listener()
    if job.is_done and all(path.exists() for path in job.paths):
        progress.phase = "finished"
    else:
        host.make_room()
        follow(progress, listen)
    listen(None, progress)
    return Trained(job.paths, progress.sheet, [raw for raw, _ in progress.losses], progress.message())


def follow(progress: TrainingProgress, listen: TrainingListener) -> None:
    try:
        with closing(run_apart(progress.job)) as events:
            for event in events:
                if event is not None:
                    progress.take(event)
                listen(event, progress)
    except BaseException as error:
        progress.phase = "failed" if isinstance(error, ValueError) else "stopped"
        listen(None, progress)
        raise


def set_aside(run: Path) -> None:
    """Moves a finished training out of the way of one on changed drawings; what was encoded stays."""
    number = 1
    while (aside := run.with_name(f"{run.name} {number}")).exists():
        number += 1
    run.rename(aside)
    run.mkdir()
    if (aside / "cache").exists():
        (aside / "cache").rename(run / "cache")
