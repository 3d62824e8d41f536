"""LoRA files of any maker -> changes of our parameters. Names as found in published files; the tests write each form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..domain.keymap import Leading, Parts
from ..domain.weights import Weights
from ..families import Family, families
from .changes import Change, Dora, Full, Hadamard, Kronecker, LowRank
from .peft_config import alpha_of, read_adapter

#: Endings of a key -> the role of its tensor. `default` is PEFT's name of an adapter.
_ROLES = {
    r"lora_(?:A|down)(?:\.default)?\.weight|lora\.down\.weight": "down",
    r"lora_(?:B|up)(?:\.default)?\.weight|lora\.up\.weight": "up",
    r"lora_mid\.weight": "mid",
    r"alpha": "alpha",
    r"dora_scale|lora_magnitude_vector(?:\.default)?(?:\.weight)?": "magnitude",
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
#: Beginnings of files for other models, for the error.
_OTHERS = {
    r"lora_te\d?_|text_encoder": "a text encoder",
    r"lora_unet_(double|single)_blocks|transformer\.single_transformer_blocks": "Flux",
    r"lora_unet_(down|up|mid|input|output)_blocks?|unet\.": "Stable Diffusion",
}


@dataclass(frozen=True)
class Lora:
    """`changes`: our parameter name -> change, for the network or for one `expert` of two (high, low)."""

    source: Path
    family: Family
    changes: dict[str, Change]
    by_expert: dict[str, dict[str, Change]] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()

    def __str__(self) -> str:
        matched = len(self.changes) + sum(len(part) for part in self.by_expert.values())
        return f"{self.source.name}: {matched} weights of {self.family.title} changed, {len(self.unmatched)} keys unknown"


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


def grouped(weights: Weights) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Module as written -> role -> key; and keys that are no part of a LoRA."""
    groups: dict[str, dict[str, str]] = {}
    rest: list[str] = []
    for key in weights.entries:
        match = _ENDING.fullmatch(key)
        if match is None:
            rest.append(key)
            continue
        text = match["role"]
        role = next(name or text for pattern, name in _ROLES.items() if re.fullmatch(pattern, text))
        groups.setdefault(match["module"], {})[role] = key
    return groups, rest


def _of_family(
    weights: Weights, family: Family, groups: Mapping[str, Mapping[str, str]], rest: list[str]
) -> Lora:
    # diffusers writes LoRAs for one network, whichever, under `transformer.` too
    is_for_experts = any(module.startswith("transformer_2.") for module in groups)
    changes: dict[str, dict[str, Change]] = {}
    unmatched = list(rest)
    adapter = read_adapter(weights)
    for module, roles in groups.items():
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
            made = dict(_changes(*found, tensors, bool(adapter.get("use_rslora"))))
        except (KeyError, RuntimeError, ValueError, ZeroDivisionError) as error:
            raise ValueError(
                f"{weights.source.name}: the change of {module} is cut short or damaged ({error}); download it again"
            ) from None
        if made:
            changes.setdefault(expert if is_for_experts else "", {}).update(made)
        else:
            unmatched += roles.values()
    shared = changes.pop("", {})
    return Lora(weights.source, family, shared, changes, tuple(unmatched))


def _changes(
    ours: str | Parts, block: str, tensors: dict[str, Tensor], rank_stabilised: bool
) -> Iterator[tuple[str, Change]]:
    if isinstance(ours, Parts):
        yield from _fused(ours, block, tensors)
        return
    if "diff_b" in tensors:
        yield ours.format(i=block, wb="bias"), Full(tensors["diff_b"])
    change = _change(tensors, rank_stabilised)
    if change is not None:
        yield ours.format(i=block, wb="weight"), change


def _fused(ours: Parts, block: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Change]]:
    for name, (index,) in ours.ours.items():
        if f"matrix_B.{index}" in tensors:
            yield name.format(i=block, wb="weight"), _sat_pair(tensors, index)


def _change(tensors: dict[str, Tensor], rank_stabilised: bool) -> Change | None:
    def scale(rank: int) -> float:
        """No alpha means alpha = rank; rank-stabilised LoRA divides by its root (arXiv 2312.03732)."""
        if "alpha" not in tensors:
            return 1.0
        return float(tensors["alpha"]) / (rank**0.5 if rank_stabilised else rank)

    makers: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("diff", lambda: Full(tensors["diff"])),
        ("up", lambda: _low_rank(tensors["down"], tensors["up"], tensors, scale)),
        ("matrix_B.0", lambda: _sat_pair(tensors, 0)),
        ("hada_w1_a", lambda: _hadamard(tensors, scale)),
        ("lokr_w1", lambda: _kronecker(tensors, scale)),
        ("lokr_w1_a", lambda: _kronecker(tensors, scale)),
    )
    for role, make in makers:
        if role in tensors:
            return make()
    return None


def _low_rank(
    down: Tensor, up: Tensor, tensors: Mapping[str, Tensor], scale: Callable[[int], float]
) -> Change:
    plain = LowRank(down, up, scale(down.shape[0]), tensors.get("mid"))
    return Dora(plain, tensors["magnitude"]) if "magnitude" in tensors else plain


def _sat_pair(tensors: Mapping[str, Tensor], index: int) -> LowRank:
    """SAT numbers the pairs of a fused layer; its alpha is 1 unless the file says otherwise (AniSora V1's training code)."""
    down = tensors[f"matrix_A.{index}"]
    alpha = float(tensors["alpha"]) if "alpha" in tensors else 1.0
    return LowRank(down, tensors[f"matrix_B.{index}"], alpha / down.shape[0])


def _hadamard(tensors: Mapping[str, Tensor], scale: Callable[[int], float]) -> Hadamard:
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
        else:
            parts.append((tensors[f"lokr_w{n}_a"], tensors[f"lokr_w{n}_b"]))
            rank = parts[-1][1].shape[0]
    return Kronecker(parts[0], parts[1], scale(rank) if rank else 1.0)
