"""Folders of the working directory, laid out as ComfyUI's are; the environment can name others."""

from __future__ import annotations

import os
from pathlib import Path

from ....anisora_core.checkpoints.files import ENDINGS


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
    files = (path for path in base.rglob("*") if path.suffix.lower() in ENDINGS)
    return sorted(path.relative_to(base).as_posix() for path in files)


def output_folder() -> Path:
    """ANISORA_OUTPUT (default: the folder `output`)."""
    return Path(os.environ.get("ANISORA_OUTPUT", "output"))


def loras_folder() -> Path:
    return models_folder() / "loras"


def tokenizer_folder() -> None:
    """A text encoder's file has its tokenizer inside, or beside it."""
