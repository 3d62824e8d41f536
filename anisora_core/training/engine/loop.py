"""The training loop: a generator of reports over any model, batches and objective; it resumes by itself from its folder.

On accelerate: one process, or one per device, each with its own part of every batch; gradients are averaged.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ...runtime.precision import fast_dtype
from .ema import Ema
from .optimizers import Optimizers, make_optimizers
from .processes import any_process, over_processes, processes
from .run_folder import append_log, restore_state, save_state, saved_step
from .settings import TrainingSettings, learning_rate


@dataclass(frozen=True)
class StepReport:
    """`averaged`: the model with its average weights, valid until training continues."""

    step: int
    total: int
    loss: float
    seconds_per_step: float
    metrics: dict[str, float]
    averaged: nn.Module | None = None

    def row(self) -> dict[str, float]:
        """For the log."""
        row = {"step": self.step, "loss": round(self.loss, 5), "s": round(self.seconds_per_step, 3)}
        return row | {key: round(value, 4) for key, value in self.metrics.items()}


#: (model, batch on its device, generator of the step) -> loss and figures to log.
Objective = Callable[[nn.Module, Any, torch.Generator], tuple[Tensor, dict[str, float]]]


def train(
    model: nn.Module,
    batches: Dataset[Any],
    objective: Objective,
    settings: TrainingSettings,
    folder: Path,
    device: torch.device,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[StepReport]:
    """Train in place, leaving the averaged weights in `folder/state.pt` under "ema"; yields every `log_every` steps.

    Only parameters that want gradients are trained and kept. Item `step` of `batches` is this process's part of that step's
    batch. Stops early, saved, when `should_stop` returns True. ValueError when the loss is not finite; what was saved before stays.
    """
    is_main = processes().is_main_process
    if is_main:
        folder.mkdir(parents=True, exist_ok=True)
    model.to(device).train()
    optimizers = make_optimizers(
        model,
        settings.optimizer,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    ema = Ema(model, settings.ema_decay)
    first = restore_state(folder, model, ema, optimizers)
    losses: list[float] = []
    since = time.monotonic()
    done = saved = first
    wanted = items(batches, first, settings, should_stop)
    for step, batch in zip(range(first, settings.steps), wanted, strict=False):
        set_learning_rate(optimizers, learning_rate(step, settings))
        loss, metrics = descend(model, objective, to_device(batch, device), step, settings, device)
        norm = float(nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm))
        require_finite(loss, norm, step, folder)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        ema.update(model, step)
        losses.append(loss)
        is_last = step + 1 == settings.steps or any_process(should_stop(), device)
        done = step + 1
        if (done % settings.save_every == 0 or is_last) and is_main:
            save_state(folder, model, ema, optimizers, done)
            saved = done
        if (step + 1) % settings.log_every == 0 or is_last:
            seconds = (time.monotonic() - since) / len(losses)
            mean = sum(losses) / len(losses)
            report = StepReport(step + 1, settings.steps, mean, seconds, metrics, ema.model)
            if is_main:
                append_log(folder, report.row())
            losses = []
            yield report
            since = time.monotonic()
        if is_last:
            break
    if is_main and done > saved:  # the batches ended early
        save_state(folder, model, ema, optimizers, done)
    model.load_state_dict(ema.model.state_dict())
    model.eval()


def require_finite(loss: float, norm: float, step: int, folder: Path) -> None:
    if math.isfinite(loss) and math.isfinite(norm):
        return
    saved, what = saved_step(folder), "loss" if not math.isfinite(loss) else "gradient norm"
    kept = f"; step {saved} is kept" if saved else ""
    raise ValueError(f"the {what} is not finite at step {step + 1}{kept}; lower learning_rate")


def items(
    batches: Dataset[Any], first: int, settings: TrainingSettings, should_stop: Callable[[], bool]
) -> Iterator[Any]:
    """Item `step` of the dataset is the whole batch of that step, so a resumed run sees what it would have seen.

    A shutdown ends the loader's processes too, so that no more come.
    """
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, settings.steps),
        num_workers=settings.num_workers,
        prefetch_factor=4 if settings.num_workers else None,
    )
    try:
        yield from loader
    except RuntimeError:  # a process of the loader is gone
        if not should_stop():
            raise


def descend(
    model: nn.Module,
    objective: Objective,
    batch: Any,
    step: int,
    settings: TrainingSettings,
    device: torch.device,
) -> tuple[float, dict[str, float]]:
    """Gradients of one step, averaged over parts of the batch and over processes -> mean loss, figures of the last part."""
    rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    total = torch.zeros((), device=device)
    metrics: dict[str, float] = {}
    for part, share in parts_of(batch, settings.gradient_accumulation):
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


def mixed_precision(device: torch.device, *, enabled: bool = True) -> AbstractContextManager[Any]:
    """bf16 products with float32 weights, where the device multiplies bf16 in hardware: many times slower elsewhere."""
    return torch.autocast(
        device.type, torch.bfloat16, enabled=enabled and fast_dtype(device) == torch.bfloat16
    )


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


def set_learning_rate(optimizers: Optimizers, value: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = value


def to_device(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    return batch.to(device, non_blocking=True) if isinstance(batch, Tensor) else batch
