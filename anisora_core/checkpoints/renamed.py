"""The same weights under other names and in other numbers, still not read: each read goes through to the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..domain.keymap import Table, theirs_of, to_ours, to_theirs
from ..domain.weights import Entry, Weights
from .files import KINDS, STORED_KINDS

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
#: Safetensors' word for each kind of number.
NAMES = {kind: name for name, kind in STORED_KINDS.items()}


def as_kind(weights: Weights, dtype: str) -> Weights:
    """As `dtype`, a key of DTYPES, or "same". ValueError when numbers are quantised and so have no kind to keep."""
    entries: dict[str, Entry] = {}
    for name, entry in weights.entries.items():
        kind = KINDS.get(entry.dtype) if dtype == "same" else DTYPES[dtype]
        if kind is None:
            raise ValueError(
                f"{weights.source.name}: {name} is quantised ({entry.dtype}); say --dtype bf16, fp16 or fp32"
            )
        entries[name] = Entry(entry.shape, NAMES[kind], _casting(weights, name, kind))
    return Weights(weights.source, entries, weights.metadata)


def _casting(weights: Weights, name: str, kind: torch.dtype) -> Callable[[], Tensor]:
    def read() -> Tensor:
        cast = weights.read(name).to(kind)
        if kind is torch.float16 and not torch.isfinite(cast).all():
            raise ValueError(f"{weights.source}: {name} holds numbers too large for fp16; use --dtype bf16")
        return cast

    return read


def as_ours(weights: Weights, table: Table | None) -> Weights:
    """Under our names. Every name is one that the table knows."""
    if table is None:
        return weights

    def reader(key: str, name: str) -> Callable[[], Tensor]:
        return lambda: to_ours({key: weights.entries[key].read()}, table)[0][name]

    entries: dict[str, Entry] = {}
    for key in weights.entries:
        for name, value in to_ours(_on_meta(weights, [key]), table)[0].items():
            entries[name] = _entry(value, reader(key, name))
    return Weights(weights.source, entries, weights.metadata)


def as_theirs(ours: Weights, prefix: str, table: Table | None) -> Weights:
    """Our weights under foreign names with a prefix. KeyError for a name that the table does not know."""

    def reader(foreign: str, names: list[str], known: Table) -> Callable[[], Tensor]:
        return lambda: to_theirs({name: ours.entries[name].read() for name in names}, known)[foreign]

    if table is None:
        entries = {prefix + name: entry for name, entry in ours.entries.items()}
        return Weights(ours.source, entries, ours.metadata)
    together: dict[str, list[str]] = {}
    for name in ours.entries:
        together.setdefault(theirs_of(name, table)[0], []).append(name)
    entries = {
        prefix + foreign: _entry(
            to_theirs(_on_meta(ours, names), table)[foreign], reader(foreign, names, table)
        )
        for foreign, names in together.items()
    }
    return Weights(ours.source, entries, ours.metadata)


def _on_meta(weights: Weights, names: list[str]) -> Mapping[str, Tensor]:
    found = {name: weights.entries[name] for name in names}
    return {n: torch.empty(e.shape, dtype=KINDS[e.dtype], device="meta") for n, e in found.items()}


def held(value: Tensor) -> Entry:
    """A tensor in memory, as if it were in a file."""
    return _entry(value, lambda: value)


def _entry(like: Tensor, read: Callable[[], Tensor]) -> Entry:
    return Entry(tuple(like.shape), NAMES[like.dtype], read)
