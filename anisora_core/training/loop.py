"""The training loop: a generator of reports over any objective; it resumes by itself from its folder.

On accelerate: one process, or one per device, each with its own part of every batch; gradients are averaged.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env, reduce
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..domain.atomic import write_beside
from ..runtime.precision import fast_dtype
from .optimizers import OptimizerName, Optimizers, make_optimizers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """`learning_rate` falls by a cosine to 5 % over `steps` after `warmup` steps, or stays; gradients are clipped to norm.

    `accumulate`: in how many parts a batch is computed. `precision` float32 is for tests and networks in float32.
    """

    steps: int
    learning_rate: float
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = 100
    ema_decay: float = 0.999
    clip_norm: float = 1.0
    weight_decay: float = 0.01
    save_every: int = 200
    log_every: int = 20
    num_workers: int = 1
    optimizer: OptimizerName = "adamw"
    accumulate: int = 1
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    seed: int = 0


@dataclass(frozen=True)
class Report:
    """`averaged`: the model with its average weights, as long as training does not go on."""

    step: int
    total: int
    loss: float
    seconds_per_step: float
    metrics: dict[str, float]
    averaged: nn.Module | None = None


#: (model, batch on its device, generator of the step) -> loss and figures to log.
Objective = Callable[[nn.Module, Any, torch.Generator], tuple[Tensor, dict[str, float]]]


def learning_rate(step: int, settings: Settings) -> float:
    warm = min(1.0, (step + 1) / max(1, settings.warmup))
    if settings.schedule == "constant":
        return settings.learning_rate * warm
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / settings.steps)))
    return settings.learning_rate * warm * (0.05 + 0.95 * cosine)


def mixed_precision(device: torch.device, *, enabled: bool = True) -> AbstractContextManager[Any]:
    """bf16 products with float32 weights, where the device multiplies bf16 in hardware: many times slower elsewhere."""
    return torch.autocast(
        device.type, torch.bfloat16, enabled=enabled and fast_dtype(device) == torch.bfloat16
    )


def batches(dataset: Dataset[Any], start: int, settings: Settings) -> Iterator[Any]:
    """Item `step` of the dataset is the whole batch of that step, so a resumed run sees what it would have seen."""
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(start, settings.steps),
        num_workers=settings.num_workers,
        prefetch_factor=4 if settings.num_workers else None,
    )
    yield from loader


class Ema:
    """Exponential moving average of a model's parameters; early steps average over fewer."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (step + 1) / (step + 10))
        for mine, theirs in zip(self.model.parameters(), model.parameters(), strict=True):
            mine.lerp_(theirs, 1.0 - decay)


def processes() -> PartialState:
    """Those that train together: one, or as many as accelerate or torchrun started; its `device` is this one's."""
    # `accelerate launch --cpu` says so in this variable, which accelerate itself reads for its own trainer alone
    is_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    # samples are made, and texts encoded, by one process, for which the others wait
    return PartialState(cpu=is_cpu, timeout=timedelta(hours=12))


def train(
    model: nn.Module,
    dataset: Dataset[Any],
    objective: Objective,
    settings: Settings,
    run_dir: Path,
    device: torch.device,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Report]:
    """Train in place, leaving the averaged weights in `run_dir/state.pt` under "ema"; yields every `log_every` steps.

    Only parameters that want gradients are trained and kept. Item `step` of the dataset is this process's part of that
    step's batch. Stops early, saved, when `should_stop` says so. ValueError when the loss is no number; what was
    saved before stays.
    """
    state = processes()
    if state.is_main_process:
        run_dir.mkdir(parents=True, exist_ok=True)
    model.to(device).train()
    optimizers = make_optimizers(
        model,
        settings.optimizer,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    ema = Ema(model, settings.ema_decay)
    start = restore(run_dir, model, ema, optimizers)
    losses: list[float] = []
    since = time.monotonic()
    for step, batch in zip(range(start, settings.steps), batches(dataset, start, settings), strict=False):
        set_learning_rate(optimizers, learning_rate(step, settings))
        loss, metrics = descend(model, objective, to_device(batch, device), step, settings, device)
        norm = float(nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            saved, what = saved_step(run_dir), "loss" if not math.isfinite(loss) else "loss's slope"
            kept = f"; step {saved} is kept" if saved else ""
            raise ValueError(f"the {what} is no number at step {step + 1}{kept}; lower learning_rate")
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        ema.update(model, step)
        losses.append(loss)
        is_last = step + 1 == settings.steps or agreed(should_stop(), device)
        if ((step + 1) % settings.save_every == 0 or is_last) and state.is_main_process:
            save(run_dir, model, ema, optimizers, step + 1)
        if (step + 1) % settings.log_every == 0 or is_last:
            seconds = (time.monotonic() - since) / len(losses)
            report = Report(step + 1, settings.steps, sum(losses) / len(losses), seconds, metrics, ema.model)
            if state.is_main_process:
                append_log(run_dir / "loss.jsonl", report)
            losses = []
            yield report
            since = time.monotonic()
        if is_last:
            break
    model.load_state_dict(ema.model.state_dict())
    model.eval()


def descend(
    model: nn.Module, objective: Objective, batch: Any, step: int, settings: Settings, device: torch.device
) -> tuple[float, dict[str, float]]:
    """Gradients of one step, averaged over parts of the batch and over processes -> mean loss, figures of the last part."""
    rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    total = torch.zeros((), device=device)
    metrics: dict[str, float] = {}
    for part, share in parts_of(batch, settings.accumulate):
        with mixed_precision(device, enabled=settings.precision == "bfloat16"):
            loss, metrics = objective(model, part, rng)
        (loss * share).backward()
        total += loss.detach() * share
    if processes().num_processes > 1:
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad = over_processes(parameter.grad, "mean")
        total = over_processes(total, "mean")
    return float(total), metrics


def parts_of(batch: Any, count: int) -> Iterator[tuple[Any, float]]:
    """A dict of tensors cut along their first side, with the share of its rows that each part has.

    Every `count`-th row, as processes share a batch, so sums round alike; of fewer rows than `count`, each alone.
    """
    if count == 1:
        yield batch, 1.0
        return
    rows = len(next(iter(batch.values())))
    count = min(count, rows)
    for index in range(count):
        part = {key: value[index::count] for key, value in batch.items()}
        yield part, len(range(index, rows, count)) / rows


def agreed(stop: bool, device: torch.device) -> bool:
    """Whether any process wants to stop: then all do, at the same step."""
    if processes().num_processes == 1:
        return stop
    return bool(over_processes(torch.tensor(float(stop), device=device), "sum") > 0)


def over_processes(value: Tensor, how: Literal["mean", "sum"]) -> Tensor:
    result = reduce(value, how)
    assert isinstance(result, Tensor)
    return result


def set_learning_rate(optimizers: Optimizers, value: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = value


def to_device(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    return batch.to(device, non_blocking=True) if isinstance(batch, Tensor) else batch


def append_log(path: Path, report: Report) -> None:
    row = {"step": report.step, "loss": round(report.loss, 5), "s": round(report.seconds_per_step, 3)}
    row |= {key: round(value, 4) for key, value in report.metrics.items()}
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def save(run_dir: Path, model: nn.Module, ema: Ema, optimizers: Optimizers, step: int) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "ema": ema.model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    with write_beside(run_dir / "state.pt") as path:
        torch.save(state, path)


def restore(run_dir: Path, model: nn.Module, ema: Ema, optimizers: Optimizers) -> int:
    path = run_dir / "state.pt"
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    ema.model.load_state_dict(state["ema"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    log.info("resumed %s at step %d", run_dir, state["step"])
    return int(state["step"])


def saved_step(run_dir: Path) -> int:
    """The step that `run_dir` would go on from, 0 for none."""
    path = run_dir / "state.pt"
    return (
        int(torch.load(path, map_location="cpu", weights_only=True, mmap=True)["step"])
        if path.exists()
        else 0
    )
