"""A training as lines in the terminal, as the shell shows it."""

from __future__ import annotations

from ....anisora_core.training.engine.events import Event
from ....cli.train_lora import show
from ..protocol import TrainingStatus


def listener(event: Event | None, _status: TrainingStatus) -> None:
    if event is not None:
        show(event)
