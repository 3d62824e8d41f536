"""Changes of our parameters -> LoRA files: a form is a rule for names, the endings of a pair, and what it can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..domain.keymap import Table, theirs_of
from ..families import Family
from .changes import Change, Dora, Full, Hadamard, Kronecker, LowRank, nearest
from .peft_config import adapter_settings

_WORDS: dict[type, str] = {Dora: "a DoRA", Hadamard: "a LoHa", Kronecker: "a LoKr", Full: "a full difference"}


@dataclass(frozen=True)
class Form:
    """What is the same for every family; their `LoraNames.forms` have the names.

    `alpha`: when its key is written; without a key, what readers take it for ("rank", "one"), so that the factors carry the rest of
    the scale. `magnitude`: DoRA's ending, if it has one. `is_rich`: holds LoHa, LoKr and full differences too. `separator` joins
    names that would have dots.
    """

    down: str
    up: str
    alpha: Literal["written", "written unless rank", "rank", "one"]
    magnitude: str = ""
    is_rich: bool = False
    separator: str = "."


FORMS: dict[str, Form] = {
    "comfyui": Form(
        down="lora_A.weight",
        up="lora_B.weight",
        alpha="written unless rank",
        magnitude="dora_scale",
        is_rich=True,
    ),
    "kohya": Form(
        down="lora_down.weight",
        up="lora_up.weight",
        alpha="written",
        magnitude="dora_scale",
        is_rich=True,
        separator="_",
    ),
    "diffusers": Form(
        down="lora_A.weight",
        up="lora_B.weight",
        alpha="rank",
        magnitude="lora_magnitude_vector",
    ),
    "peft": Form(
        down="lora_A.weight",
        up="lora_B.weight",
        alpha="rank",
        magnitude="lora_magnitude_vector",
    ),
    "sat": Form(
        down="matrix_A.{part}",
        up="matrix_B.{part}",
        alpha="one",
    ),
}


@dataclass(frozen=True)
class Written:
    """`settings`: what PEFT's loaders want to know besides (LoraConfig's names), {} for other forms.

    `lost` and `whole`: squared Frobenius norms of what low ranks lost of `approximated` changes, and of these changes.
    """

    tensors: dict[str, Tensor]
    settings: dict[str, Any]
    weights: int
    approximated: int
    lost: float
    whole: float


def write_changes(changes: Mapping[str, Change], family: Family, to: str, rank: int | None) -> Written:
    """One network's changes in the form `to`; those it cannot hold as they are become low ranks of `rank`.

    ValueError names the first change for which there is no way.
    """
    form = FORMS[to]
    if to not in family.lora.forms:
        raise ValueError(f"--to {to}: a LoRA for {family.title} has no such form; use --to comfyui")
    prefix, table = family.lora.forms[to]
    places = {name: _place(name, form, table, to) for name in changes}
    for name, change in changes.items():
        _require_way(name, change, form, rank, to)
    tensors: dict[str, Tensor] = {}
    low_ranks: dict[str, Change] = {}
    squares: list[tuple[float, float]] = []
    for name, change in changes.items():
        layer, part = places[name]
        if not _is_held(change, form) and rank is not None:
            change, lost_and_whole = _approximated(_whole(change), rank)
            squares.append(lost_and_whole)
        if isinstance(_undirected(change), LowRank):
            low_ranks[layer] = change
        roles = _roles(change, form, is_bias=name.endswith(".bias"))
        tensors |= {f"{prefix}{layer}.{ending.format(part=part)}": value for ending, value in roles.items()}
    settings = _settings(low_ranks, to) if to in ("diffusers", "peft") else {}
    lost, whole = (sum(column) for column in zip(*squares, strict=True)) if squares else (0.0, 0.0)
    return Written(tensors, settings, len(changes), len(squares), lost, whole)


def _place(name: str, form: Form, table: Table | None, to: str) -> tuple[str, int]:
    """The form's name of the layer that our parameter is of, and which part of a fused layer it is."""
    indices: tuple[int, ...] = ()
    if table is not None:
        try:
            name, _, indices = theirs_of(name, table)
        except KeyError:
            raise ValueError(f"{name} has no name in {to} LoRA files; use --to comfyui") from None
    layer, _, leaf = name.rpartition(".")
    if leaf not in ("weight", "bias"):  # a parameter of no layer: Wan's modulation
        if to != "comfyui":
            raise ValueError(f"{name} has no name in {to} LoRA files; use --to comfyui")
        layer = name
    return layer.replace(".", form.separator), indices[0] if indices else 0


def _is_held(change: Change, form: Form) -> bool:
    """PEFT's kind of DoRA has magnitudes by output only."""
    if isinstance(change, Dora) and form.magnitude and not form.is_rich:
        inner = change.inner
        return isinstance(inner, LowRank) and change.magnitude.shape[0] == inner.up.shape[0]
    return form.is_rich or isinstance(change, LowRank)


def _undirected(change: Change) -> Change:
    """Without a DoRA's magnitude."""
    return change.inner if isinstance(change, Dora) else change


def _require_way(name: str, change: Change, form: Form, rank: int | None, to: str) -> None:
    """ValueError when the form can neither hold the change nor a low rank instead of it."""
    if _is_held(change, form):
        return
    problem = f"{name} is changed by {_WORDS[type(change)]}, which {to} LoRA files cannot hold"
    is_vector = isinstance(change, Full) and change.difference.ndim < 2
    if isinstance(change, Dora) or is_vector or not name.endswith(".weight"):
        raise ValueError(f"{problem}; use --to comfyui")
    if rank is None:
        raise ValueError(f"{problem}; add --rank 64 (or another) to approximate it, or use --to comfyui")


def _whole(change: Change) -> Tensor:
    """The difference itself, where it does not depend on the weight."""
    assert isinstance(change, Full | Hadamard | Kronecker)
    return change.difference.float() if isinstance(change, Full) else change.product()


def _approximated(whole: Tensor, rank: int) -> tuple[LowRank, tuple[float, float]]:
    """A low rank for it, and the squares of what that loses and of the whole."""
    matrix = whole.flatten(1)
    found = nearest(matrix, rank)
    lost = (matrix - found.up @ found.down).square().sum()
    shaped = LowRank(found.down.view(-1, *whole.shape[1:]), found.up, found.scale)
    return shaped, (float(lost), float(matrix.square().sum()))


def _roles(change: Change, form: Form, *, is_bias: bool) -> dict[str, Tensor]:
    """Ending of a key -> tensor."""
    if isinstance(change, Dora):
        flat = change.magnitude.flatten()
        is_by_output = len(flat) == len(change.magnitude)
        shape = (-1, 1) if is_by_output else (1, -1)
        magnitude = flat.view(shape) if form.is_rich else flat
        return {**_roles(change.inner, form, is_bias=False), form.magnitude: magnitude}
    if isinstance(change, LowRank):
        return _pair(change.without_mid(), form)
    if isinstance(change, Hadamard):
        names = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
        factors = dict(zip(names, (*change.w1, *change.w2), strict=True))
        return factors | _alpha(change.scale, change.w1[1].shape[0], form)
    if isinstance(change, Kronecker):
        return _kronecker(change, form)
    assert isinstance(change, Full)
    return {"diff_b" if is_bias else "diff": change.difference}


def _pair(change: LowRank, form: Form) -> dict[str, Tensor]:
    rank = change.down.shape[0]
    if form.alpha in ("rank", "one"):
        scale = change.scale * (rank if form.alpha == "one" else 1)
        return {form.down: change.down, form.up: scaled(change.up, scale)}
    return {form.down: change.down, form.up: change.up, **_alpha(change.scale, rank, form)}


def _kronecker(change: Kronecker, form: Form) -> dict[str, Tensor]:
    factors: dict[str, Tensor] = {}
    rank = 0
    for n, parts in enumerate((change.w1, change.w2), start=1):
        if len(parts) == 1:
            factors[f"lokr_w{n}"] = parts[0]
        else:
            factors |= {f"lokr_w{n}_a": parts[0], f"lokr_w{n}_b": parts[1]}
            rank = parts[1].shape[0]
    return factors | _alpha(change.scale, rank, form)


def _alpha(scale: float, rank: int, form: Form) -> dict[str, Tensor]:
    """`rank` 0: two whole factors, whose scale is 1."""
    if rank == 0 or (form.alpha == "written unless rank" and scale == 1.0):
        return {}
    return {"alpha": torch.tensor(scale * rank)}


def scaled(factor: Tensor, scale: float) -> Tensor:
    """In the factor's own precision when nothing is lost by it (powers of two), else float32."""
    exact = factor.double() * scale
    own = exact.to(factor.dtype)
    return own if torch.equal(own.double(), exact) else exact.float()


def _settings(kept: Mapping[str, Change], to: str) -> dict[str, Any]:
    has_magnitudes = {isinstance(change, Dora) for change in kept.values()}
    if len(has_magnitudes) == 2:  # PEFT would give the others a magnitude too
        raise ValueError(
            f"some layers are DoRA and some are not, which {to} LoRA files cannot say; use --to comfyui"
        )
    plain = {layer: _undirected(change) for layer, change in kept.items()}
    ranks = {layer: change.down.shape[0] for layer, change in plain.items() if isinstance(change, LowRank)}
    return adapter_settings(ranks, has_magnitudes=True in has_magnitudes)
