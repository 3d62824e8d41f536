"""What weights are, from names and shapes alone; nothing of them is loaded. The families and the encoders say what there can be."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from ..domain.file_kind import FileKind
from ..domain.keymap import Table, is_joined, lookup, our_shapes, unwrapped
from ..domain.weights import Entry, Shape, Weights
from ..encoders.encoder_files import ENCODER_KINDS
from ..families import families

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")
#: Where our own files state the configuration that shapes alone do not tell (how wide heads are): in the header under this key,
#: or in the card of the folder that they lie in, under the file's name.
CONFIG_KEY, CARD = "anisora_config", "card.json"
#: What published files put before the names of a network; the first under which a family fits counts.
PREFIXES = (
    "",
    "model.diffusion_model.",
    "diffusion_model.",
    "model.",
    "first_stage_model.",
    "vae.",
    "visual.",
    "vision_model.",
)
#: How the names of a checkpoint's parts begin, where it holds all of a model.
PARTS = (
    "text_encoders.",
    "text_encoder.",
    "cond_stage_model.",
    "conditioner.",
    "clip_vision.",
    "clip_vision_model.",
    "image_encoder.",
    "first_stage_model.",
    "vae.",
    "transformer.",
)


def config_from(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """A config from JSON: lists become tuples, names it does not know are an error."""
    known = {field.name for field in fields(kind)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise ValueError(
            f"model card: {kind.__name__} has no {', '.join(unknown)}; use a card of this version"
        )
    return kind(**{key: _tuples(value) for key, value in values.items()})


def stated_config(from_shapes: Config, values: Any) -> Config:
    """The configuration that a file states. ValueError where it is none, or of another number of layers than `from_shapes` has."""
    if not isinstance(values, dict):
        raise ValueError(f"{CONFIG_KEY} is not a JSON object")
    stated = config_from(type(from_shapes), values)
    for name in values:
        ours, theirs = getattr(from_shapes, name), getattr(stated, name)
        if type(ours) is not type(theirs) or (name == "num_layers" and ours != theirs):
            raise ValueError(f"{CONFIG_KEY}: {name} {theirs!r} does not fit the tensors")
    return stated


def read_card_of(source: Path) -> Any:
    """What the card beside a file of ours says of it; None where there is no card of ours."""
    try:
        card = read_card(source.parent)
    except ValueError:
        return None
    return card.get(source.stem) if isinstance(card, dict) else None


def read_card(folder: Path) -> Any:
    """Of a folder made by this project. ValueError when it cannot be read."""
    path = folder / CARD
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"model card {path} cannot be read ({error}); restore the folder") from None


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


@cache
def file_kinds() -> tuple[FileKind, ...]:
    """All that weights can be."""
    return tuple(kind for family in families() for kind in family.file_kinds) + ENCODER_KINDS


def kinds_of(names: Collection[str]) -> list[FileKind]:
    """All that fit; the published networks fit one each."""
    return [
        f for f in file_kinds() if all(n in names for n in f.has) and not any(n in names for n in f.lacks)
    ]


@dataclass(frozen=True)
class Found:
    """What weights are: `weights` without the prefix, and what else lay beside them."""

    kind: FileKind
    prefix: str
    weights: Weights
    beside: int

    def stated(self) -> Any:
        """The configuration that a file of ours states, None for others."""
        header = self.weights.metadata.get(CONFIG_KEY)
        return json.loads(header) if header else read_card_of(self.weights.source)

    def config(self) -> Any:
        """The network's configuration, stated in a file of ours or else from shapes. ValueError when tensors that tell it are missing or odd."""
        shapes, _ = our_shapes(self.weights.shapes, self.kind.table)
        try:
            config = self.kind.network.config_of(shapes)
            stated = self.stated()
            return config if stated is None else stated_config(config, stated)
        except (KeyError, ValueError, IndexError, ZeroDivisionError, RecursionError) as error:
            raise ValueError(
                f"{self.weights.source}: looks like a {self.kind.name}, but its layer sizes cannot be read ({error}); "
                "the file is incomplete or of another kind"
            ) from None


def identify(weights: Weights, wanted: Collection[object] = ()) -> Found:
    """What weights are, under the prefix they have. A checkpoint can hold several networks: then the one that `wanted` builds
    (`Network.build`), else the first. ValueError names the nearest kind when none fits.
    """
    found = parts_of(weights)
    if not found:
        raise ValueError(f"{weights.source}: not a known model; {nearest(weights.entries.keys())}")
    return next((part for part in found if part.kind.network.build in wanted), found[0])


def parts_of(weights: Weights) -> list[Found]:
    """Every network that weights hold, in the order of `PREFIXES`; more than one in checkpoints that hold all of a model."""
    names = weights.entries.keys()
    if not any(kinds_of(weights.without_prefix(prefix).entries.keys()) for prefix in PREFIXES):
        plain = {unwrapped(name): entry for name, entry in weights.entries.items()}
        weights, names = replace(weights, entries=plain), plain.keys()
    at: dict[str, FileKind] = {}
    for prefix in (*PREFIXES, *sorted(other_prefixes(names))):
        fitting = kinds_of(weights.without_prefix(prefix).entries.keys())
        if fitting:
            at[prefix] = fitting[0]
    return [
        _part(weights, prefix, kind, [p for p in at if p.startswith(prefix) and p != prefix])
        for prefix, kind in at.items()
    ]


def other_prefixes(names: Collection[str]) -> set[str]:
    """What stands before the telling names of a checkpoint's parts, as `text_encoders.umt5xxl.transformer.` in ComfyUI's."""
    found = {
        name.removesuffix(telling)
        for telling in {kind.has[0] for kind in file_kinds()}
        for name in names
        if name.endswith("." + telling)
    }
    return {prefix for prefix in found - set(PREFIXES) if prefix.startswith(PARTS)}


def _part(weights: Weights, prefix: str, kind: FileKind, inner: Sequence[str]) -> Found:
    """`inner`: prefixes of other networks, whose names begin with this one's prefix too."""
    inside = {n: e for n, e in weights.entries.items() if not (inner and n.startswith(tuple(inner)))}
    kept = {
        n: e
        for n, e in replace(weights, entries=inside).without_prefix(prefix).entries.items()
        if not n.startswith(kind.ignored)
    }
    found = Found(kind, prefix, replace(weights, entries=kept), len(weights.entries) - len(kept))
    return with_sides(found) if weights.drops_sides else found


def with_sides(found: Found) -> Found:
    """Shapes as the network has them, where the file's format left out sides of 1 or joined neighbouring ones."""
    kind, entries = found.kind, found.weights.entries
    try:
        shapes = kind.network.completed(our_shapes(found.weights.shapes, kind.table)[0])
        with torch.device("meta"):
            network = kind.network.build(kind.network.config_of(shapes))
    except (KeyError, ValueError, IndexError, RuntimeError, ZeroDivisionError):
        return found  # `config` says what is odd
    whole = {name: tuple(value.shape) for name, value in network.named_parameters()}
    mended = {
        name: _viewed(entry, whole.get(_ours(name, kind.table), entry.shape))
        for name, entry in entries.items()
    }
    return replace(found, weights=replace(found.weights, entries=mended))


def _ours(name: str, table: Table | None) -> str:
    target = None if table is None else lookup(name, table)
    if target is None:
        return name if table is None else ""
    return target[0].format(**target[1]) if isinstance(target[0], str) else ""


def _viewed(entry: Entry, shape: Shape) -> Entry:
    if entry.shape == shape or not is_joined(entry.shape, shape):
        return entry
    return replace(entry, shape=shape, read=lambda: entry.read().view(shape))


def nearest(names: Collection[str]) -> str:
    """Which kind's telling names come closest, for the error."""
    best = [
        (len([1 for telling in f.has if get_close_matches(telling, names, n=1, cutoff=0.8)]), f.name)
        for f in file_kinds()
    ]
    score, name = max(best)
    return f"the most similar one is {name}" if score else f"its first tensor is {min(names)}"
