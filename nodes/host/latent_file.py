"""Latents as files that the host's Load Latent reads, and `anisora generate --latents`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...anisora_core.domain.atomic_write import write_numbered
from ...anisora_core.domain.latents import RawLatent

_KEY = "latent_tensor"
#: Where ComfyUI's Load Latent finds them in the output folder, and how their names begin.
LATENTS, LATENT_PREFIX = "latents", "AniSora"


def save_latent(latent: RawLatent, output_folder: Path) -> Path:
    """In the folder `latents` of `output_folder`, under the next free number."""
    return save_latent_as(latent, output_folder / LATENTS, LATENT_PREFIX)


def save_latent_as(
    latent: RawLatent, folder: Path, prefix: str, metadata: Mapping[str, str] | None = None
) -> Path:
    """`PREFIX_00001_.latent` or the next free number. CannotWrite when there is no room."""
    tensors = {_KEY: latent.float().cpu().contiguous(), "latent_format_version_0": torch.tensor([])}
    with write_numbered(folder, prefix, ".latent") as file:
        save_file(tensors, file.part, dict(metadata or {}))
    return file.path


def save_where_there_is_room(
    latent: RawLatent, folders: Iterable[Path], prefix: str, metadata: Mapping[str, str] | None = None
) -> Path | None:
    """In the first folder that takes it; None where none does."""
    for folder in folders:
        try:
            return save_latent_as(latent, folder, prefix, metadata)
        except OSError:
            continue
    return None


@contextmanager
def told_how_to_continue(keep: Callable[[], str]) -> Generator[None]:
    """Whatever goes wrong inside, out of memory and Ctrl-C included, is said together with what `keep` says that it has kept, and how
    to go on; alone where that is nothing."""
    try:
        yield
    except BaseException as error:
        then = keep()
        if not then:
            raise
        if not isinstance(error, Exception):
            sys.stderr.write(f"{then}\n")
            raise
        what = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{what}; {then}") from error


def read_latent(path: Path) -> tuple[RawLatent, dict[str, str]]:
    """latent_BCTHW of a clip, and what is said beside it. ValueError for a file that has none."""
    try:
        if not path.is_file():
            raise ValueError("there is no such file")
        with safe_open(path, "pt") as file:
            latent: Tensor = file.get_tensor(_KEY)
            said = dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(
            f"latents {str(path)!r} cannot be read ({error}); use a .latent file of a clip"
        ) from None
    if latent.ndim != 5 or len(latent) != 1 or not latent.numel() or not latent.is_floating_point():
        shape = "x".join(map(str, latent.shape))
        raise ValueError(f"latents {str(path)!r} are {shape}, not those of one clip; use another file")
    return RawLatent(latent), said
