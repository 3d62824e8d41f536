"""What a weights file can be: the names that tell it, how they map to ours, and the network that it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from .keymap import Table
from .weights import Shape

Shapes = Mapping[str, Shape]
#: Form of a file -> what stands before the names, and their table (None: ours).
FileForms = Mapping[str, tuple[str, Table | None]]


@dataclass(frozen=True)
class Network:
    """`build` takes the configuration that `config_of` finds in our names' shapes, and what to inject.

    `forms`: what the network can be written as, none for those that are not converted; `adapted` makes of them those of a
    configuration.
    """

    build: Callable[..., nn.Module]
    config_of: Callable[[Shapes], Any]
    forms: FileForms = field(default_factory=dict[str, tuple[str, Table | None]])
    #: Shapes of a format that drops sides -> with those that tell the configuration as they were.
    completed: Callable[[Shapes], Shapes] = lambda shapes: shapes
    adapted: Callable[[Any, FileForms], FileForms] = lambda _, forms: forms

    def forms_of(self, config: Any) -> FileForms:
        return self.adapted(config, self.forms)


@dataclass(frozen=True)
class FileKind:
    """Matches when all of `has` and none of `lacks` are among the names.

    `table` is None where the file's names are ours; `ignored` names (or their first parts) are no weights of the network.
    """

    name: str
    has: tuple[str, ...]
    network: Network
    lacks: tuple[str, ...] = ()
    table: Table | None = None
    ignored: tuple[str, ...] = ()


def with_first_sides(shapes: Shapes) -> dict[str, Shape]:
    """Weights whose first side was joined with others, told by their biases."""
    found = dict(shapes)
    for name, shape in shapes.items():
        bias = shapes.get(f"{name.removesuffix('weight')}bias", ()) if name.endswith(".weight") else ()
        if len(bias) == 1 and shape and shape[0] != bias[0] and shape[0] % bias[0] == 0:
            found[name] = (bias[0], shape[0] // bias[0], *shape[1:])
    return found


def count(shapes: Shapes, before: str, after: str) -> int:
    """How many numbered blocks there are."""
    return sum(name.startswith(before) and name.endswith(after) for name in shapes)
