"""Training without a host: folders of the working directory, lines in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ....anisora_core.training.engine.events import Event
from ....cli.train_lora import show
from . import device, models_folder

if TYPE_CHECKING:
    from ...training_service.follow import Listener, TrainingProgress

__all__ = ["device", "listener", "loras_folder", "make_room", "tokenizer_folder"]


def loras_folder() -> Path:
    return models_folder() / "loras"


def tokenizer_folder() -> None:
    """A text encoder's file has its tokenizer inside, or beside it."""


def make_room() -> None:
    """Nothing else holds memory."""


def listener() -> Listener:
    def update(event: Event | None, _progress: TrainingProgress) -> None:
        if event is not None:
            show(event)

    return update
