"""A training option: its default, limits and help in one place, read by the node, the shell and the recipe file."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any

#: Beyond every number that is meant; larger whole numbers are no floats.
_INFINITE = 10**300


@dataclass(frozen=True)
class Option:
    """`group`: the part of the recipe that has it, "" for the recipe itself. `zero`: what a value of 0 means. `aliases`: names of
    earlier versions, which are still read. `is_free`: may differ when a stopped training continues."""

    name: str
    group: str
    default: Any
    tip: str
    low: float | None
    high: float | None
    choices: Collection[str]
    zero: str
    aliases: tuple[str, ...]
    is_free: bool

    @property
    def kind(self) -> type:
        return type(self.default)

    @property
    def help(self) -> str:
        return f"{self.tip} 0: {self.zero}." if self.zero else self.tip


def option(
    default: Any,
    tip: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Collection[str] = (),
    zero: str = "",
    aliases: Sequence[str] = (),
    is_free: bool = False,
) -> Any:
    """A dataclass field with what `Option` says about it."""
    said = {"tip": tip, "low": low, "high": high, "choices": choices, "zero": zero}
    return field(default=default, metadata={**said, "aliases": tuple(aliases), "is_free": is_free})


@cache
def options_of(recipe: type) -> dict[str, Option]:
    """Of a recipe and its groups, by name, in their order. A group is a field that is a dataclass of options."""
    found: dict[str, Option] = {}
    for part in fields(recipe):
        if part.metadata:
            found[part.name] = _option(part, "")
        else:
            assert part.default is not MISSING
            found |= {inner.name: _option(inner, part.name) for inner in fields(part.default)}
    return found


def _option(part: Field[Any], group: str) -> Option:
    return Option(name=part.name, group=group, default=part.default, **part.metadata)


@cache
def named_options(recipe: type) -> dict[str, Option]:
    """The same by names of earlier versions, too."""
    known = options_of(recipe)
    return {alias: one for one in known.values() for alias in (one.name, *one.aliases)}


def check(one: Option, value: Any, called: str = "") -> None:
    """ValueError naming the option, as `called` in older files, for a value of another type or outside its limits."""
    name = called or one.name
    kind = one.kind
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < _INFINITE else math.inf
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{name} {value!r} must be a {kind.__name__}")
    if one.choices and value not in one.choices:
        raise ValueError(f"{name} {value!r} is unknown; use one of {', '.join(one.choices)}")
    if one.low is not None and not one.low <= value <= (one.high or _INFINITE):
        raise ValueError(f"{name} {value} must be {one.low} to {one.high}")
