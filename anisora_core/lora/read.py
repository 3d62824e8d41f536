"""LoRA files of any maker -> changes of our parameters. Names as found in published files; the tests write each form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..domain.keymap import Leading, Parts, unwrapped
from ..domain.weights import Weights
from ..families import Family, families
from .changes import Change, Dora, Full, Hadamard, Kronecker, LowRank, added, tucker
from .peft_config import alpha_of, read_adapter

#: Endings of a key -> the role of its tensor. PEFT writes the name of an adapter (`default`) before `weight`.
_ROLES = {
    r"lora_(?:A|down)(?:\.(?!weight)\w+)?\.weight|lora\.down\.weight": "down",
    r"lora_(?:B|up)(?:\.(?!weight)\w+)?\.weight|lora\.up\.weight": "up",
    r"lora_mid\.weight": "mid",
    r"alpha": "alpha",
    r"dora_scale|lora_magnitude_vector(?:\.(?!weight)\w+)?(?:\.weight)?": "magnitude",
    r"diff|diff_m": "diff",
    r"diff_b": "",
    r"(?:hada|lokr)_[wt][12](?:_[ab])?": "",
    r"matrix_[AB]\.\d": "",
}
_ENDING = re.compile(r"(?P<module>.+?)\.(?P<role>" + "|".join(f"(?:{p})" for p in _ROLES) + r")")
#: What makers put before the names of a network.
_CONTAINERS = re.compile(
    r"base_model\.model\.|model\.diffusion_model\.|diffusion_model\.|pipe\.dit\.|dit\.|lora_unet__?|lycoris_"
    r"|transformer_2\.|transformer\."
)
_EXPERTS = {"transformer_2.": "low", "transformer.": "high"}
#: Both factors of a LoHa in Tucker form.
TUCKER_ROLES = (("t1", "w1_a", "w1_b"), ("t2", "w2_a", "w2_b"))
#: Beginnings of files for other models, for the error.
_OTHERS = {
    r"lora_te\d?_|text_encoder": "a text encoder",
    r"lora_unet_(double|single)_blocks|transformer\.single_transformer_blocks": "Flux",
    r"lora_unet_(down|up|mid|input|output)_blocks?|unet\.": "Stable Diffusion",
}


@dataclass(frozen=True)
class Lora:
    """`changes`: our parameter name -> change, for the network or for one `expert` of two (high, low). `unmatched`: keys that are not
    understood. `doubled`: parameters that the file changes under two names, which both act."""

    source: Path
    family: Family
    changes: dict[str, Change]
    by_expert: dict[str, dict[str, Change]] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What the file holds; what of it acts depends on the network (`Effect` in `apply`)."""
        matched = len(self.changes) + sum(len(part) for part in self.by_expert.values())
        return f"{self.source.name}, for {self.family.title}: changes {matched}{self.remarks}"

    @property
    def remarks(self) -> str:
        """What a report of it ends in."""
        said = f"; unknown keys {len(self.unmatched)}"
        if self.unmatched:
            said += f": {some(self.unmatched)}"
        if self.doubled:
            said += f"; under two names, both act: {some(self.doubled)}"
        return said


def some(names: Sequence[str]) -> str:
    """Up to three of them."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def normal(module: str) -> str:
    """Dots and underscores are one: kohya's names have no dots, some makers mix."""
    return re.sub(r"[._]+", "_", module).strip("_")


@cache
def modules_of(family: Family) -> tuple[tuple[re.Pattern[str], str | Parts], ...]:
    """Every name of a layer of the family that makers use -> our parameter's, or the parts of ours it fuses."""
    found: dict[str, str | Parts] = {}
    for table in family.lora.tables:
        for theirs, ours in table.items():
            if isinstance(ours, Leading):
                continue  # image encoders only
            owned = [ours] if isinstance(ours, str) else list(ours.ours)
            found |= {_layer(name): name for name in owned}
            if isinstance(ours, str) or all(len(indices) == 1 for indices in ours.ours.values()):
                found[_layer(theirs)] = ours
    found["blocks.{i}"] = "blocks.{i}.modulation"  # diff_m names the block that the parameter is of
    return tuple(
        (re.compile(normal(name.replace("{i}", "0i0")).replace("0i0", r"(?P<i>\d+)")), ours)
        for name, ours in found.items()
    )


def _layer(name: str) -> str:
    return name.removesuffix(".{wb}")


def resolve(module: str, family: Family) -> tuple[str | Parts, str] | None:
    """Our parameter (or parts) for a maker's layer, and the block's number."""
    while True:
        for pattern, ours in modules_of(family):
            match = pattern.fullmatch(normal(module))
            if match:
                return ours, match.groupdict().get("i", "")
        container = _CONTAINERS.match(module)
        if container is None:
            return None
        module = module[container.end() :]


def is_lora(weights: Weights) -> bool:
    return bool(grouped(weights)[0])


def lora_of(weights: Weights) -> Lora:
    """The changes in a LoRA file, for the family that knows most of its keys.

    ValueError when the file is damaged, or fits no family: then it says what the file seems to be for.
    """
    groups, unmatched = grouped(weights)
    best: Lora | None = None
    for family in families():
        lora = _of_family(weights, family, groups, unmatched)
        if best is None or len(lora.unmatched) < len(best.unmatched):
            best = lora
    assert best is not None
    if not best.changes and not best.by_expert:
        first = min(weights.entries)
        seems = [name for pattern, name in _OTHERS.items() if re.match(pattern, first)]
        raise ValueError(
            f"{weights.source.name}: no key fits an AniSora model; it seems to be for {seems[0] if seems else 'another model'} "
            f"(first key {first}). Pick a LoRA made for Wan 2.1, Wan 2.2 or CogVideoX"
        )
    return best


#: A module as written, and role -> key of a change of it.
Group = tuple[str, dict[str, str]]
_LETTERS = re.compile(r"(?<=_)[AB](?=\.)|(?<=[_.])(?:down|up)(?=\.)")


def grouped(weights: Weights) -> tuple[list[Group], list[str]]:
    """The changes that a file holds, and keys that are no part of one. A module has two where it is written in two ways."""
    modules: dict[str, dict[str, dict[str, str]]] = {}
    rest: list[str] = []
    for key in weights.entries:
        match = _ENDING.fullmatch(key)
        if match is None:
            rest.append(key)
            continue
        text = match["role"]
        role = next(name or text for pattern, name in _ROLES.items() if re.fullmatch(pattern, text))
        way = _way(text) if role in ("down", "up") else ""
        modules.setdefault(match["module"], {}).setdefault(way, {})[role] = key
    groups: list[Group] = []
    for module, ways in modules.items():
        common = ways.pop("", {})
        # the scale is the module's; whatever else has no pair belongs to the first
        scale = {role: key for role, key in common.items() if role in ("alpha", "magnitude")}
        pairs = list(ways.values())
        groups += [(module, common | pair) for pair in pairs[:1] or [{}]]
        groups += [(module, scale | pair) for pair in pairs[1:]]
    return groups, rest


def _way(ending: str) -> str:
    """What both halves of a pair have in common: A and B, or down and up, and the name of an adapter."""
    return _LETTERS.sub(lambda found: "AB" if found[0] in "AB" else "down up", ending)


def _of_family(weights: Weights, family: Family, groups: Sequence[Group], rest: list[str]) -> Lora:
    # diffusers writes LoRAs for one network, whichever, under `transformer.` too
    is_for_experts = any(unwrapped(module).startswith("transformer_2.") for module, _ in groups)
    changes: dict[str, dict[str, Change]] = {}
    unmatched, doubled = list(rest), list[str]()
    adapter = read_adapter(weights)
    for written, roles in groups:
        module = unwrapped(written)
        found = resolve(module, family)
        if found is None:
            unmatched += roles.values()
            continue
        expert = next((name for p, name in _EXPERTS.items() if module.startswith(p)), "")
        tensors = {role: weights.read(key) for role, key in roles.items()}
        alpha = alpha_of(module, adapter)
        if alpha is not None:
            tensors.setdefault("alpha", torch.tensor(alpha))
        try:
            made = list(_changes(*found, tensors, bool(adapter.get("use_rslora"))))
        except (KeyError, RuntimeError, ValueError, ZeroDivisionError) as error:
            raise ValueError(
                f"{weights.source.name}: the change of {module} is cut short or damaged ({error}); download it again"
            ) from None
        if not made:
            unmatched += roles.values()
        into = changes.setdefault(expert if is_for_experts else "", {})
        doubled += [name for name, _ in made if name in into]
        for name, change in made:
            into[name] = _joined(into[name], change, name, weights) if name in into else change
    shared = changes.pop("", {})
    by_expert = {expert: part for expert, part in changes.items() if part}
    return Lora(weights.source, family, shared, by_expert, tuple(unmatched), tuple(dict.fromkeys(doubled)))


def _joined(first: Change, second: Change, name: str, weights: Weights) -> Change:
    try:
        return added(first, second)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{weights.source.name}: {name} is changed under two names that do not go together ({error}); remove one of them"
        ) from None


def _changes(
    ours: str | Parts, block: str, tensors: dict[str, Tensor], rank_stabilised: bool
) -> Iterator[tuple[str, Change]]:
    if isinstance(ours, Parts):
        yield from _fused(ours, block, tensors)
        return
    if "diff_b" in tensors:
        yield ours.format(i=block, wb="bias"), Full(tensors["diff_b"])
    for change in _each_change(tensors, rank_stabilised):
        whole = Dora(change, tensors["magnitude"]) if "magnitude" in tensors else change
        yield ours.format(i=block, wb="weight"), whole


def _fused(ours: Parts, block: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Change]]:
    for name, (index,) in ours.ours.items():
        if f"matrix_B.{index}" in tensors:
            yield name.format(i=block, wb="weight"), _sat_pair(tensors, index)


def _each_change(tensors: dict[str, Tensor], rank_stabilised: bool) -> Iterator[Change]:
    def scale(rank: int) -> float:
        """No alpha means alpha = rank; rank-stabilised LoRA divides by its root (arXiv 2312.03732)."""
        if "alpha" not in tensors:
            return 1.0
        return float(tensors["alpha"]) / (rank**0.5 if rank_stabilised else rank)

    makers: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("diff", lambda: Full(tensors["diff"])),
        ("up", lambda: _low_rank(tensors, scale)),
        ("matrix_B.0", lambda: _sat_pair(tensors, 0)),
        ("hada_w1_a", lambda: _hadamard(tensors, scale)),
        ("lokr_w1", lambda: _kronecker(tensors, scale)),
        ("lokr_w1_a", lambda: _kronecker(tensors, scale)),
    )
    for role, make in makers:
        if role in tensors:
            yield make()


def _low_rank(tensors: Mapping[str, Tensor], scale: Callable[[int], float]) -> Change:
    down = tensors["down"]
    return LowRank(down, tensors["up"], scale(down.shape[0]), tensors.get("mid"))


def _sat_pair(tensors: Mapping[str, Tensor], index: int) -> LowRank:
    """SAT numbers the pairs of a fused layer; its alpha is 1 unless the file says otherwise (AniSora V1's training code)."""
    down = tensors[f"matrix_A.{index}"]
    alpha = float(tensors["alpha"]) if "alpha" in tensors else 1.0
    return LowRank(down, tensors[f"matrix_B.{index}"], alpha / down.shape[0])


def _hadamard(tensors: Mapping[str, Tensor], scale: Callable[[int], float]) -> Change:
    if "hada_t1" in tensors:
        parts = [tucker(*(tensors[f"hada_{role}"] for role in roles)) for roles in TUCKER_ROLES]
        return Full(scale(tensors["hada_w1_b"].shape[0]) * parts[0] * parts[1])
    pairs = [(tensors[f"hada_w{n}_a"], tensors[f"hada_w{n}_b"]) for n in (1, 2)]
    return Hadamard(pairs[0], pairs[1], scale(pairs[0][1].shape[0]))


def _kronecker(tensors: Mapping[str, Tensor], scale: Callable[[int], float]) -> Kronecker:
    """Two whole factors have no rank: LyCORIS then ignores alpha."""
    parts: list[tuple[Tensor, ...]] = []
    rank = 0
    for n in (1, 2):
        whole = tensors.get(f"lokr_w{n}")
        if whole is not None:
            parts.append((whole,))
            continue
        a, b = tensors[f"lokr_w{n}_a"], tensors[f"lokr_w{n}_b"]
        rank = b.shape[0]
        core = tensors.get(f"lokr_t{n}")
        parts.append((a, b) if core is None else (tucker(core, a, b),))
    factor = scale(rank) if rank else 1.0
    if factor != 1.0 and all(len(part) == 1 for part in parts):  # as two whole factors it has no alpha
        return Kronecker(parts[0], (parts[1][0].float() * factor,), 1.0)
    return Kronecker(parts[0], parts[1], factor)
