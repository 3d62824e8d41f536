"""What a training was begun with, kept in its folder, so that another one does not continue it by mistake."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...domain.atomic_write import write_beside


def remember_inputs(path: Path, inputs: Mapping[str, Any]) -> None:
    """`inputs`: JSON values, nested or not."""
    with write_beside(path) as part:
        part.write_text(json.dumps(inputs, indent=1) + "\n", encoding="utf-8")


def require_same_inputs(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    folder: Path,
    *,
    free: Collection[str] = (),
    advice: str,
) -> None:
    """ValueError naming the first value of the training in `folder` that is another `now`; `free` ones may differ."""
    earlier = dict(_named(before))
    for name, value in _named(now):
        if name not in free and name in earlier and value != earlier[name]:
            raise ValueError(f"{name}: {folder} holds a training with {name} {earlier[name]!r}; {advice}")


def _named(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values by their path: `frames.steps`."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _named(value, f"{above}{key}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield f"{above}{key}", value
