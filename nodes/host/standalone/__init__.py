"""No host: folders of the working directory, a line of progress in the terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import Tensor

from ..captions import Pace


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def input_file(name: str) -> Path:
    """A path, or a name in ANISORA_INPUT (default: the folder `input`)."""
    name = name.removesuffix(" [input]")
    path = Path(name)
    return path if os.path.exists(path) else Path(os.environ.get("ANISORA_INPUT", "input")) / name


def models_folder() -> Path:
    """ANISORA_MODELS (default: the folder `models`), laid out as ComfyUI's models are."""
    return Path(os.environ.get("ANISORA_MODELS", "models"))


def model_file(folder: str, name: str) -> Path | None:
    """In the models folder; else a path."""
    places = (models_folder() / folder / name, Path(name).expanduser())
    return next((path for path in places if os.path.exists(path)), None)  # False for a name too long


def model_names(folder: str) -> list[str]:
    """Files of such a folder, with the folders inside it."""
    base = models_folder() / folder
    return sorted(path.relative_to(base).as_posix() for path in base.rglob("*.safetensors"))


def output_folder() -> Path:
    """ANISORA_OUTPUT (default: the folder `output`)."""
    return Path(os.environ.get("ANISORA_OUTPUT", "output"))


class Progress:
    """Draws on a terminal only, so logs stay readable."""

    def __init__(self, total: int, unit: str = "step") -> None:
        self.total, self.pace = total, Pace(total, unit)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs on."""

    def update(self, done: int, clip_FHWC: Tensor | None = None, seconds_per_frame: float = 0.25) -> None:
        caption = self.pace.caption(done)
        if sys.stderr.isatty():
            end = "\n" if done == self.total else "\r"
            sys.stderr.write(f"  {caption:<60}{end}")
