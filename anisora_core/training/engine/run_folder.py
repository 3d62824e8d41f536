"""The folder of a run: the state that a training resumes from, its log, and a lock against a second training."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from ...domain.atomic_write import write_beside
from .ema import Ema
from .optimizers import Optimizers

log = logging.getLogger(__name__)
_STATE, _LOG = "state.pt", "loss.jsonl"


def save_state(folder: Path, model: nn.Module, ema: Ema, optimizers: Optimizers, step: int) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "ema": ema.model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    with write_beside(folder / _STATE) as path:
        torch.save(state, path)


def restore_state(folder: Path, model: nn.Module, ema: Ema, optimizers: Optimizers) -> int:
    """The step to continue from; 0 where nothing was saved."""
    if not is_trained(folder):
        return 0
    state = torch.load(folder / _STATE, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    ema.model.load_state_dict(state["ema"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    log.info("resumed %s at step %d", folder, state["step"])
    return int(state["step"])


def is_trained(folder: Path) -> bool:
    """Whether a training saved its state there."""
    return (folder / _STATE).exists()


def saved_step(folder: Path) -> int:
    """The step that a training in `folder` would continue from; 0 where nothing was saved."""
    if not is_trained(folder):
        return 0
    return int(torch.load(folder / _STATE, map_location="cpu", weights_only=True, mmap=True)["step"])


def load_average(model: nn.Module, folder: Path) -> None:
    """The averaged weights that a training saved. ValueError where there are none."""
    if not is_trained(folder):
        raise ValueError(f"{folder / _STATE} is missing; run the stage {folder.name} first")
    model.load_state_dict(torch.load(folder / _STATE, map_location="cpu", weights_only=True)["ema"])


def append_log(folder: Path, row: Mapping[str, Any]) -> None:
    with (folder / _LOG).open("a") as file:
        file.write(json.dumps(row) + "\n")


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Without lines that a full disk or a crash cut short."""
    path = folder / _LOG
    lines = path.read_text().splitlines() if path.exists() else []
    return [row for row in map(_row, lines) if row]


def _row(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


@contextmanager
def locked(folder: Path, error: str = "") -> Generator[None]:
    """ValueError, with the text `error` if given, when another process trains in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "training.lock", timeout=0):
            yield
    except Timeout:
        raise ValueError(
            error or f"name: another training runs in {folder}; wait until it ends, or choose another name"
        ) from None
