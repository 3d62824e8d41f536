"""Changes put to work on a network: merged into its weights, or added to the outputs of its layers while it runs."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..families import Family, VideoTransformer, family_of_network
from .changes import Change, Full, LowRank, fits, on_device
from .read import Lora, some

_BLOCKS = re.compile(r"(?P<first>\d{1,3})(?:-(?P<last>\d{1,3}))?=(?P<factor>-?\d*\.?\d+)")


def block_strengths(text: str) -> dict[int, float]:
    """`0-9=0.5,20=0` -> {block: factor}; of two for one block the later counts. ValueError for what is written otherwise."""
    factors: dict[int, float] = {}
    for part in text.split(",") if text.strip() else []:
        match = _BLOCKS.fullmatch(part.strip())
        if match is None or (match["last"] and int(match["last"]) < int(match["first"])):
            raise ValueError(f"blocks {text!r}: write them as 0-9=0.5,20=0")
        numbers = range(int(match["first"]), int(match["last"] or match["first"]) + 1)
        factors |= dict.fromkeys(numbers, float(match["factor"]))
    return factors


@dataclass(frozen=True)
class LoraUse:
    """A LoRA at a strength; `low_noise` is that for the second of two experts, None for the same.

    `blocks`: transformer block -> what its strength is multiplied by; 1 for the others and for what is in no block.
    """

    lora: Lora
    strength: float = 1.0
    low_noise: float | None = None
    blocks: Mapping[int, float] = field(default_factory=dict[int, float])

    def changes(self, expert: str) -> tuple[dict[str, Change], float]:
        """What it does to the network (`expert` empty) or to the high or low noise one, and how strongly."""
        strength = self.low_noise if expert == "low" and self.low_noise is not None else self.strength
        return self.lora.changes | self.lora.by_expert.get(expert or "high", {}), strength


@dataclass(frozen=True)
class Effect:
    """What a LoRA does to one network: parameters by our names. `absent`: changes of parameters that this network lacks.
    `misfits`: changes of another shape than the parameter. Neither acts.
    """

    use: LoraUse
    acting: dict[str, Change]
    strength: float
    absent: tuple[str, ...] = ()
    misfits: tuple[str, ...] = ()

    def strength_of(self, name: str) -> float:
        return self.strength * self.use.blocks.get(block_of(name), 1.0)

    def __str__(self) -> str:
        lora, count = self.use.lora, len(self.acting) + len(self.absent) + len(self.misfits)
        changed = [name for name in self.acting if self.strength_of(name)]
        said = f"{len(changed)} of {count} weights changed"
        if len(changed) < len(self.acting):
            said += f"; at strength 0: {len(self.acting) - len(changed)}"
        if self.absent:
            said += f"; not in this model: {some(self.absent)}"
        if self.misfits:
            said += f"; of another shape than in this model: {some(self.misfits)}"
        return f"{lora.source.name}: {said}{lora.remarks}"


def effect_on(shapes: Mapping[str, torch.Size], family: Family, use: LoraUse, expert: str = "") -> Effect:
    """Of parameters by our names and their shapes. ValueError for a LoRA for another family, or none of whose changes fits; and for a
    block that is not there.

    A text-to-video LoRA changes an embedding of another width, and a network may lack the image branch: the rest acts.
    """
    name = use.lora.source.name
    if use.lora.family is not family:
        raise ValueError(f"lora {name} is for {use.lora.family.title}; this release is of {family.title}")
    blocks = {block_of(parameter) for parameter in shapes} - {-1}
    unknown = sorted(use.blocks.keys() - blocks)
    if unknown:
        raise ValueError(
            f"blocks: there is no block {unknown[0]}; this network has {min(blocks)} to {max(blocks)}"
        )
    changes, strength = use.changes(expert)
    met = {parameter: changes[parameter] for parameter in sorted(changes.keys() & shapes.keys())}
    acting = {parameter: change for parameter, change in met.items() if fits(change, shapes[parameter])}
    misfits = tuple(parameter for parameter in met if parameter not in acting)
    if not (met or expert):
        raise ValueError(
            f"lora {name}: none of the weights it changes is in this release's network; choose a LoRA made for it"
        )
    if misfits and not acting:
        raise ValueError(
            f"lora {name}: the change of {misfits[0]} does not have the shape {tuple(shapes[misfits[0]])}, nor does any other fit; "
            "pick a LoRA made for a model of this size"
        )
    return Effect(use, acting, strength, tuple(sorted(changes.keys() - shapes.keys())), misfits)


def changes_to(network: VideoTransformer, loras: Sequence[LoraUse], expert: str = "") -> Changes:
    """`changes_among` the parameters of a network."""
    return changes_among(shapes_of(network), family_of_network(network), loras, expert)


def shapes_of(network: nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in network.named_parameters()}


def changes_among(
    shapes: Mapping[str, torch.Size], family: Family, loras: Sequence[LoraUse], expert: str = ""
) -> Changes:
    """What of several LoRAs acts, as `effect_on`."""
    found: dict[str, list[tuple[Change, float]]] = {}
    for use in loras:
        effect = effect_on(shapes, family, use, expert)
        for name, change in effect.acting.items():
            found.setdefault(name, []).append((change, effect.strength_of(name)))
    return found


def block_of(name: str) -> int:
    """Number of the block that a parameter is in, -1 outside of blocks."""
    first, number, *_ = (*name.split("."), "")
    return int(number) if first == "blocks" else -1


#: Our parameter name -> the changes to it and their strengths.
Changes = Mapping[str, Sequence[tuple[Change, float]]]


def merge(model: nn.Module, changes: Changes) -> dict[str, Tensor]:
    """Add changes to the weights in place -> the weights as they were, for `unmerge`."""
    before = {name: model.get_parameter(name).detach().clone() for name in changes}
    merge_for_good(model, changes)
    return before


def merge_for_good(model: nn.Module, changes: Changes) -> None:
    """Add changes to the weights in place, for a model that is dropped with them."""
    with torch.no_grad():
        for name, parts in changes.items():
            weight = model.get_parameter(name)
            total = sum(
                strength * on_device(change, weight.device).delta(weight) for change, strength in parts
            )
            weight.copy_((weight.float() + total).to(weight.dtype))


def unmerge(model: nn.Module, before: Mapping[str, Tensor]) -> None:
    """Put back what `merge` gave, bit for bit."""
    with torch.no_grad():
        for name, weight in before.items():
            model.get_parameter(name).copy_(weight)


@contextmanager
def live(model: nn.Module, changes: Changes) -> Generator[None]:
    """Add changes to the outputs of the layers while the block runs; weights are not touched.

    Low ranks cost two small products each. What is no linear layer's weight is merged and put back.
    """
    hooked: dict[str, list[tuple[Change, float]]] = {}
    rest: dict[str, Sequence[tuple[Change, float]]] = {}
    for name, parts in changes.items():
        path, _, leaf = name.rpartition(".")
        if leaf == "weight" and isinstance(model.get_submodule(path), nn.Linear):
            device = model.get_parameter(name).device
            hooked[path] = [
                # a whole difference is as large as what it changes, and waits where it is
                (change if isinstance(change, Full) else on_device(change, device), strength)
                for change, strength in parts
            ]
        else:
            rest[name] = parts
    before = merge(model, rest)
    handles = [
        model.get_submodule(path).register_forward_hook(_adding(parts)) for path, parts in hooked.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        unmerge(model, before)


def _adding(parts: list[tuple[Change, float]]) -> Any:
    def hook(module: nn.Linear, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        x = arguments[0].float()
        total = torch.zeros_like(output, dtype=torch.float32)
        for change, strength in parts:
            if isinstance(change, LowRank) and change.mid is None:
                narrow = F.linear(x, change.down.to(x))
                total += strength * change.scale * F.linear(narrow, change.up.to(x))
            else:
                weight = module.weight  # an offloaded block has another tensor each time, on the device
                total += strength * F.linear(x, on_device(change, weight.device).delta(weight).to(x))
        return (output.float() + total).to(output.dtype)

    return hook
