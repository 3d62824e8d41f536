"""Training in ComfyUI: its folders and device, room for the training, and what its pages show."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import comfy.model_management
import comfy.utils
import folder_paths
import torch
from comfy_execution.utils import get_executing_context
from server import PromptServer

from ....anisora_core.training.engine.events import Event, Stepped
from .networks import tokenizer_folder

if TYPE_CHECKING:
    from ...training_service.follow import Listener, TrainingProgress

__all__ = ["device", "listener", "loras_folder", "make_room", "tokenizer_folder"]

#: Seconds between messages of steps, and at most between any two.
SOON, LATE = 0.5, 5.0


def device() -> torch.device:
    return comfy.model_management.get_torch_device()


def loras_folder() -> Path:
    return Path(folder_paths.get_folder_paths("loras")[0])


def make_room() -> None:
    """The host's models leave the device's memory."""
    comfy.model_management.unload_all_models()
    comfy.model_management.soft_empty_cache()


def listener() -> Listener:
    """Informs the page and moves the progress bar of the node that runs; raises the user's interrupt."""
    context = get_executing_context()
    node = context.node_id if context else ""
    bar = comfy.utils.ProgressBar(1)
    sent = 0.0

    def send(progress: TrainingProgress, phase: str) -> None:
        nonlocal sent
        sent = time.monotonic()
        PromptServer.instance.send_sync(
            "anisora.training", {"node": node, **progress.message(), "phase": phase}
        )

    def update(event: Event | None, progress: TrainingProgress) -> None:
        is_running = progress.phase not in ("finished", "stopped", "failed")
        if is_running:
            try:
                comfy.model_management.throw_exception_if_processing_interrupted()
            except BaseException:
                send(progress, "stopping")
                raise
        wait = SOON if isinstance(event, Stepped) else LATE if event is None and is_running else 0.0
        if time.monotonic() - sent >= wait:
            send(progress, progress.phase)
            bar.update_absolute(progress.done, progress.total)

    return update
