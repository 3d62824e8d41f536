"""Windows of a long shot in files, so that a shot that was stopped goes on with the next one."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..domain.atomic_write import write_beside
from ..domain.latents import NormalizedLatent

_KEY, _MADE_OF, _FILE = "normalized_latent", "made_of", "window_"


@dataclass(frozen=True)
class KeptWindows:
    """A file for each window in `folder`. `networks` names the weights and LoRAs: files made with others, or for another shot, do not count."""

    folder: Path
    networks: str = ""

    def read(self, index: int, made_of: str) -> NormalizedLatent | None:
        """latent_BCTHW of the window; None where it is not there, is damaged, or was made of something else."""
        try:
            with safe_open(self._path(index), "pt") as file:
                if (file.metadata() or {}).get(_MADE_OF) == self._name(made_of):
                    return NormalizedLatent(file.get_tensor(_KEY))
        except (SafetensorError, OSError):
            pass
        return None

    def write(self, index: int, made_of: str, latent: NormalizedLatent) -> None:
        """CannotWrite where there is no room."""
        with write_beside(self._path(index)) as part:
            save_file({_KEY: latent.detach().cpu().contiguous()}, part, {_MADE_OF: self._name(made_of)})

    @property
    def count(self) -> int:
        """How many are there, of whatever they were made."""
        return len(self._files())

    def remove(self) -> None:
        """When the clip is there. Other files in the folder stay."""
        for path in self._files():
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it is not there, or not empty
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        return list(self.folder.glob(f"{_FILE}*.safetensors"))

    def _path(self, index: int) -> Path:
        return self.folder / f"{_FILE}{index + 1:04}.safetensors"

    def _name(self, made_of: str) -> str:
        return fingerprint_of((self.networks, made_of))


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def fingerprint_of(value: Any) -> str:
    """Equal for values of equal content: dataclasses, tuples, lists, mappings, tensors, numbers, texts, None. TypeError for others."""
    digest = hashlib.sha256()
    _add(digest, value)
    return digest.hexdigest()


def _add(digest: Digest, value: Any) -> None:
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    elif is_dataclass(value) and not isinstance(value, type):
        digest.update(type(value).__name__.encode())
        for field in fields(value):
            _add(digest, (field.name, getattr(value, field.name)))
    elif isinstance(value, Mapping):
        _add(digest, list(value.items()))
    elif isinstance(value, str | int | float | None):
        digest.update(f"{value!r};".encode())
    elif isinstance(value, Sequence):
        digest.update(f"[{len(value)}]".encode())
        for one in value:
            _add(digest, one)
    else:
        raise TypeError(f"{type(value).__name__} has no fingerprint")
