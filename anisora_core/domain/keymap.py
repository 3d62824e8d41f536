"""Foreign names as data: one table per source format, `{i}` for the block index and `{wb}` for weight or bias.

A value is our name, `Parts` where one foreign tensor holds several of ours, or `Leading` where it has sides of 1 more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

#: What torch.compile, data-parallel wrappers and activation checkpointing put between the parts of a name.
_WRAPPERS = re.compile(
    r"(?:(?<=\.)|^)_?(?:orig_mod|module|fsdp_wrapped_module|checkpoint_wrapped_module)\.|(?<=_)_?orig_mod_"
)


def unwrapped(name: str) -> str:
    """A name without the words of such wrappers."""
    return _WRAPPERS.sub("", name)


@dataclass(frozen=True)
class Parts:
    """A foreign tensor of `count` equal parts along its first dimension; each of ours joins the parts at its indices."""

    count: int
    ours: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Leading:
    """A foreign tensor like ours with `count` sides of 1 before."""

    name: str
    count: int


Table = Mapping[str, "str | Parts | Leading"]


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\{wb\}", "(?P<wb>weight|bias)")
    return re.compile(escaped)


def is_joined(stored: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether `stored` is `whole` with sides of 1 left out and neighbouring sides joined, so that the numbers lie in the same order."""
    rest = [side for side in whole if side != 1]
    for side in (side for side in stored if side != 1):
        joined = 1
        while rest and joined < side:
            joined *= rest.pop(0)
        if joined != side:
            return False
    return not rest


def lookup(key: str, table: Table) -> tuple[str | Parts | Leading, dict[str, str]] | None:
    """The value of the pattern that `key` fits, and what its placeholders stand for."""
    for pattern, value in table.items():
        match = _regex(pattern).fullmatch(key)
        if match:
            return value, match.groupdict()
    return None


def rename(key: str, table: Mapping[str, str]) -> str | None:
    """The other side's name for `key`, or None when the table does not know it."""
    found = lookup(key, table)
    return str(found[0]).format(**found[1]) if found else None


def inverted(table: Mapping[str, str]) -> dict[str, str]:
    return {target: source for source, target in table.items()}


def to_ours(weights: Mapping[str, Tensor], table: Table) -> tuple[dict[str, Tensor], list[str]]:
    """Foreign weights under our names, parts as views where they lie together; and the names the table does not know."""
    ours: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key, value in weights.items():
        found = lookup(key, table)
        if found is None:
            unknown.append(key)
        elif isinstance(found[0], str):
            ours[found[0].format(**found[1])] = value
        elif isinstance(found[0], Leading):
            ours[found[0].name.format(**found[1])] = value.flatten(0, found[0].count)
        else:
            pieces = value.chunk(found[0].count)
            for name, indices in found[0].ours.items():
                chosen = [pieces[i] for i in indices]
                ours[name.format(**found[1])] = chosen[0] if len(chosen) == 1 else torch.cat(chosen)
    return ours, unknown


def our_shapes(
    shapes: Mapping[str, tuple[int, ...]], table: Table | None
) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """`to_ours` for shapes alone; without a table the names are ours already."""
    if table is None:
        return dict(shapes), []
    on_meta = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    ours, unknown = to_ours(on_meta, table)
    return {name: tuple(value.shape) for name, value in ours.items()}, unknown


def name_of(target: str | Leading) -> str:
    return target if isinstance(target, str) else target.name


def theirs_of(name: str, table: Table) -> tuple[str, str | Parts | Leading, tuple[int, ...]]:
    """The foreign tensor that holds our `name`, what the table says of it, and which parts of it are ours.

    KeyError for a name that the table does not know.
    """
    for pattern, target in table.items():
        owned = target.ours if isinstance(target, Parts) else {name_of(target): ()}
        found = lookup(name, {own: own for own in owned})
        if found is not None:
            return pattern.format(**found[1]), target, owned[str(found[0])]
    raise KeyError(name)


def to_theirs(weights: Mapping[str, Tensor], table: Table) -> dict[str, Tensor]:
    """Our weights under foreign names. KeyError for one that the table does not name, or whose other parts lack."""
    theirs: dict[str, Tensor] = {}
    pieces: dict[str, list[Tensor | None]] = {}
    for key, value in weights.items():
        foreign, target, indices = theirs_of(key, table)
        if isinstance(target, str):
            theirs[foreign] = value
        elif isinstance(target, Leading):
            theirs[foreign] = value.view((1,) * target.count + value.shape)
        else:
            slots = pieces.setdefault(foreign, [None] * target.count)
            for index, piece in zip(indices, value.chunk(len(indices)), strict=True):
                slots[index] = piece
    for foreign, slots in pieces.items():
        present = [piece for piece in slots if piece is not None]
        if len(present) < len(slots):
            raise KeyError(foreign)
        theirs[foreign] = torch.cat(present)
    return theirs
