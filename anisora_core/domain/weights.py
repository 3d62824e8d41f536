"""Named tensors that are read when they are asked for: what every reader of files gives, and what networks are loaded from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """A tensor that is not read yet."""

    shape: Shape
    dtype: str
    read: Callable[[], Tensor]


@dataclass(frozen=True)
class Weights:
    """Named tensors of a file or folder. `read` gives one; nothing else is in memory. `details`: what else a GGUF says of itself.
    `drops_sides`: its format stores at most four sides, so that shapes may lack sides of 1, or have neighbouring ones joined.
    """

    source: Path
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str] = field(default_factory=dict)
    details: Callable[[], Mapping[str, Any]] = dict
    drops_sides: bool = False

    @property
    def shapes(self) -> dict[str, Shape]:
        return {name: entry.shape for name, entry in self.entries.items()}

    @property
    def dtypes(self) -> dict[str, int]:
        return dict(Counter(entry.dtype for entry in self.entries.values()))

    @property
    def parameters(self) -> int:
        return sum(prod(entry.shape) for entry in self.entries.values())

    def read(self, name: str) -> Tensor:
        """ValueError when the tensor is damaged, is of integers or holds numbers that are not finite."""
        try:
            value = self.entries[name].read()
        except (SafetensorError, OSError, RuntimeError) as error:
            raise ValueError(
                f"{self.source}: tensor {name} is damaged ({error}); download it again"
            ) from None
        if not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            raise ValueError(
                f"{self.source}: tensor {name} is {kind}, which is not a data type of weights; download it again"
            )
        if not is_finite(value):
            raise ValueError(f"{self.source}: tensor {name} holds NaN or infinity; download the file again")
        return value

    def without_prefix(self, prefix: str) -> Weights:
        """Only what starts with `prefix`, named without it."""
        kept = {n.removeprefix(prefix): e for n, e in self.entries.items() if n.startswith(prefix)}
        return replace(self, entries=kept)


def is_finite(value: Tensor) -> bool:
    """In parts, since a float32 copy of the largest tensors is half a gigabyte.

    Of 32 MB, because glibc keeps smaller ones in its heap when they are freed.
    """
    return all(bool(torch.isfinite(part.float().sum())) for part in value.flatten().split(2**23))
