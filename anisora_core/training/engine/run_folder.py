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
from safetensors import SafetensorError, safe_open
from torch import nn

from ...domain.atomic_write import write_beside
from .ema import Ema
from .optimizers import Optimizers

log = logging.getLogger(__name__)
_STATE, _PREVIOUS, _LOG = "state.pt", "state.previous.pt", "loss.jsonl"


def save_state(folder: Path, model: nn.Module, ema: Ema, optimizers: Optimizers, step: int) -> None:
    """The state before it is kept beside it, for the case that this one cannot be read one day."""
    state = {
        "step": step,
        "model": model.state_dict(),
        "ema": ema.model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    previous = folder / _PREVIOUS if _readable(folder / _STATE, mmap=True) else None
    with write_beside(folder / _STATE, previous=previous) as path:
        torch.save(state, path)


def restore_state(folder: Path, model: nn.Module, ema: Ema, optimizers: Optimizers) -> int:
    """The step to continue from; 0 where nothing was saved. ValueError when nothing that was saved can be read."""
    state = _read_state(folder)
    if state is None:
        return 0
    model.load_state_dict(state["model"])
    ema.model.load_state_dict(state["ema"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    log.info("resumed %s at step %d", folder, state["step"])
    return int(state["step"])


def is_trained(folder: Path) -> bool:
    """Whether a training saved its state there."""
    return any((folder / name).exists() for name in (_STATE, _PREVIOUS))


def saved_step(folder: Path) -> int:
    """The step that a training in `folder` would continue from; 0 where nothing was saved. ValueError as `restore_state`."""
    state = _read_state(folder, mmap=True)
    return 0 if state is None else int(state["step"])


def load_average(model: nn.Module, folder: Path) -> None:
    """The averaged weights that a training saved. ValueError where there are none."""
    state = _read_state(folder)
    if state is None:
        raise ValueError(f"{folder / _STATE} is missing; run the stage {folder.name} first")
    model.load_state_dict(state["ema"])


def _read_state(folder: Path, *, mmap: bool = False) -> dict[str, Any] | None:
    """The newest state that can be read; None where there is none. `mmap`: without reading its tensors."""
    if not is_trained(folder):
        return None
    for name in (_STATE, _PREVIOUS):
        if (state := _readable(folder / name, mmap=mmap)) is not None:
            if name == _PREVIOUS:
                log.warning(
                    "%s cannot be read; continuing from step %d before it", folder / _STATE, state["step"]
                )
            return state
    raise ValueError(
        f"{folder / _STATE} is damaged, and so is the state before it; the LoRA files in checkpoints beside it are whole; "
        "to train anew, choose another name or move that folder away"
    )


def _readable(path: Path, *, mmap: bool) -> dict[str, Any] | None:
    """None for a file that is missing, cut short or something else: torch raises almost anything on damaged bytes."""
    if not path.is_file():
        return None
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except (OSError, MemoryError):
        raise
    except Exception:
        return None
    has_all = isinstance(state, dict) and {"step", "model", "ema", "optimizers"} <= state.keys()
    return state if has_all and isinstance(state["step"], int) else None


def is_whole(path: Path) -> bool:
    """Whether an entry of a cache, in safetensors, is there and as long as its header says; one that a crash or a full disk cut short is made again."""
    try:
        with safe_open(path, "pt"):
            return True
    except (SafetensorError, OSError):
        return False


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
