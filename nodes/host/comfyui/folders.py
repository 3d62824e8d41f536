"""ComfyUI's folders."""

from __future__ import annotations

import os
from pathlib import Path

import comfy.model_management
import folder_paths


def input_file(name: str) -> Path:
    """A file of the host's input folder, `name` or `name [input]`. ValueError for one outside the host's folders, also where a
    link in them leads out.
    """
    path = Path(os.path.abspath(folder_paths.get_annotated_filepath(name)))
    folders = [getattr(folder_paths, f"get_{kind}_directory")() for kind in ("input", "output", "temp")]
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in folders):
        raise ValueError(f"image {name!r} is outside ComfyUI's folders; put it into the input folder")
    return path


def model_file(folder: str, name: str) -> Path | None:
    """A file or folder in one of the host's model folders of this kind, never outside of them."""
    for base in folder_paths.get_folder_paths(folder):
        path = Path(os.path.abspath(os.path.join(base, name)))
        if path.is_relative_to(os.path.abspath(base)) and os.path.exists(path):  # False for a name too long
            return path
    return None


def model_names(folder: str) -> list[str]:
    return folder_paths.get_filename_list(folder)


def output_folder() -> Path:
    return Path(folder_paths.get_output_directory())


def loras_folder() -> Path:
    return Path(folder_paths.get_folder_paths("loras")[0])


def tokenizer_folder() -> Path | None:
    """Where the host keeps T5's tokenizer."""
    path = Path(comfy.model_management.__file__).parent / "text_encoders" / "t5_tokenizer"
    return path if path.is_dir() else None
