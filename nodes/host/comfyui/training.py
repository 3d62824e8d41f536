"""A training on ComfyUI's page and progress bar."""

from __future__ import annotations

import time

import comfy.model_management
import comfy.utils
from comfy_execution.utils import get_executing_context
from server import PromptServer

from ....anisora_core.training.engine.events import Event, Stepped
from ..protocol import TrainingListener, TrainingStatus

#: Seconds between messages of steps, and at most between any two.
SOON, LATE = 0.5, 5.0


def listener() -> TrainingListener:
    """Informs the page and moves the progress bar of the node that runs; raises the user's interrupt."""
    context = get_executing_context()
    node = context.node_id if context else ""
    bar = comfy.utils.ProgressBar(1)
    sent = 0.0

    def send(status: TrainingStatus, phase: str) -> None:
        nonlocal sent
        sent = time.monotonic()
        PromptServer.instance.send_sync(
            "anisora.training", {"node": node, **status.message(), "phase": phase}
        )

    def update(event: Event | None, status: TrainingStatus) -> None:
        is_running = status.phase not in ("finished", "stopped", "failed")
        if is_running:
            try:
                comfy.model_management.throw_exception_if_processing_interrupted()
            except BaseException:
                send(status, "stopping")
                raise
        wait = SOON if isinstance(event, Stepped) else LATE if event is None and is_running else 0.0
        if time.monotonic() - sent >= wait:
            send(status, status.phase)
            bar.update_absolute(status.done, status.total)

    return update
