"""The host is ComfyUI. Only this folder imports it."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths

from .progress import Progress

__all__ = ["Progress", "input_file", "model_file", "model_names", "output_folder"]


def input_file(name: str) -> Path:
    """A file of the host's input folder, `name` or `name [input]`. ValueError for one outside the host's folders."""
    path = Path(os.path.abspath(folder_paths.get_annotated_filepath(name)))
    folders = [getattr(folder_paths, f"get_{kind}_directory")() for kind in ("input", "output", "temp")]
    if not any(path.is_relative_to(os.path.abspath(folder)) for folder in folders):
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
