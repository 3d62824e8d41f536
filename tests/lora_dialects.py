"""The smallest LoRA file of each dialect, and what it makes of a network's weights by the dense formula.

Files of one or two layers of a small Wan: `LINEAR` [64, 48], `SQUARE` [48, 48] and `CONV` [48, 36, 1, 2, 2].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

LINEAR, SQUARE, CONV = "blocks.0.ffn.0", "blocks.0.self_attn.o", "patch_embedding"
RANK, ALPHA = 4, 6.0
Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Dialect:
    """`expected`: the parameters that change, with the values they get."""

    name: str
    tensors: dict[str, Tensor]
    expected: dict[str, Tensor]
    header: dict[str, str] = field(default_factory=dict)


class Numbers:
    """Random factors from one seed."""

    def __init__(self) -> None:
        self.rng = torch.Generator().manual_seed(11)

    def __call__(self, *shape: int) -> Tensor:
        return 0.3 * torch.randn(shape, generator=self.rng)

    def pair(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self(RANK, weight.shape[1]), self(weight.shape[0], RANK)


def all_dialects(weights: Weights) -> list[Dialect]:
    """`weights`: parameter -> value of the network that they act on."""
    makers: tuple[Callable[[Weights, Numbers], Iterator[Dialect]], ...] = (
        scale_in_header,
        scale_in_tensors,
        wrapped_names,
        two_names,
        magnitudes,
        tucker_forms,
        kronecker_of_a_convolution,
    )
    return [dialect for make in makers for dialect in make(weights, Numbers())]


def scale_in_header(weights: Weights, numbers: Numbers) -> Iterator[Dialect]:
    """Alpha and rank as plain entries of the header, none of them in a tensor."""
    weight = weights[f"{LINEAR}.weight"]
    for alpha, rank in (
        ("transformer.lora_alpha", "transformer.r"),
        ("lora_alpha", "r"),
        ("alpha", "rank"),
        ("network_alpha", "network_dim"),
    ):
        down, up = numbers.pair(weight)
        tensors = {f"transformer.{LINEAR}.lora_A.weight": down, f"transformer.{LINEAR}.lora_B.weight": up}
        changed = {f"{LINEAR}.weight": weight + ALPHA / RANK * up @ down}
        yield Dialect(f"header {alpha}", tensors, changed, {alpha: str(ALPHA), rank: str(RANK)})
    a, b, c, d = (numbers(*size) for size in ((64, RANK), (RANK, 48)) * 2)
    loha = dict(zip(("w1_a", "w1_b", "w2_a", "w2_b"), (a, b, c, d), strict=True))
    yield Dialect(
        "header alpha of a LoHa",
        {f"lycoris_{LINEAR.replace('.', '_')}.hada_{role}": value for role, value in loha.items()},
        {f"{LINEAR}.weight": weight + ALPHA / RANK * (a @ b) * (c @ d)},
        {"alpha": str(ALPHA)},
    )


def scale_in_tensors(weights: Weights, numbers: Numbers) -> Iterator[Dialect]:
    """A layer's own alpha counts before the header; kohya's record of its settings is no scale, nor is an empty entry."""
    weight = weights[f"{LINEAR}.weight"]
    down, up = numbers.pair(weight)
    tensors = {f"{LINEAR}.lora_down.weight": down, f"{LINEAR}.lora_up.weight": up}
    own = {**tensors, f"{LINEAR}.alpha": torch.tensor(2.0)}
    scaled = {f"{LINEAR}.weight": weight + 2.0 / RANK * up @ down}
    yield Dialect("alpha in a tensor and in the header", own, scaled, {"alpha": "64", "rank": "8"})
    plain = {f"{LINEAR}.weight": weight + up @ down}
    header = {"ss_network_alpha": "1", "ss_network_dim": "4", "lora_alpha": "None", "alpha": ""}
    yield Dialect("settings of kohya's trainer", tensors, plain, header)


def wrapped_names(weights: Weights, numbers: Numbers) -> Iterator[Dialect]:
    """Words that torch.compile, DDP, FSDP and activation checkpointing put into names."""
    weight = weights[f"{LINEAR}.weight"]
    for module in (
        f"_orig_mod.{LINEAR}",
        f"module.{LINEAR}",
        f"module._orig_mod.{LINEAR}",
        f"diffusion_model._orig_mod.{LINEAR}",
        f"base_model.model.module.{LINEAR}",
        "blocks.0._orig_mod.ffn.0",
        "blocks.0._fsdp_wrapped_module.ffn._checkpoint_wrapped_module.0",
        "lora_unet__orig_mod_blocks_0_ffn_0",
        "transformer._orig_mod.blocks.0.ffn.net.0.proj",
    ):
        down, up = numbers.pair(weight)
        tensors = {f"{module}.lora_A.weight": down, f"{module}.lora_B.weight": up}
        yield Dialect(f"wrapped {module}", tensors, {f"{LINEAR}.weight": weight + up @ down})


def two_names(weights: Weights, numbers: Numbers) -> Iterator[Dialect]:
    """One layer under two names: both act, unless they are the same change stored twice."""
    weight, name = weights[f"{LINEAR}.weight"], f"{LINEAR}.weight"
    (down, up), (other_down, other_up) = numbers.pair(weight), (numbers(2, 48), numbers(64, 2))
    official = {f"{LINEAR}.lora_A.weight": down, f"{LINEAR}.lora_B.weight": up}
    kohya = "lora_unet_blocks_0_ffn_0"
    both = {name: weight + up @ down + 0.5 * other_up @ other_down}
    tensors = {f"{kohya}.lora_down.weight": other_down, f"{kohya}.lora_up.weight": other_up}
    yield Dialect("two names", {**official, **tensors, f"{kohya}.alpha": torch.tensor(1.0)}, both)
    twice = {f"{kohya}.lora_down.weight": down.half(), f"{kohya}.lora_up.weight": up.half()}
    yield Dialect("the same under two names", official | twice, {name: weight + up @ down})
    endings = {f"{LINEAR}.lora_down.weight": other_down, f"{LINEAR}.lora_up.weight": other_up}
    summed = {name: weight + up @ down + other_up @ other_down}
    yield Dialect("two pairs of endings", official | endings, summed)
    adapters = {
        f"{LINEAR}.lora_{letter}.{adapter}.weight": value
        for adapter, pair in (("style", (down, up)), ("motion", (other_down, other_up)))
        for letter, value in zip("AB", pair, strict=True)
    }
    yield Dialect("two adapters", adapters, summed)
    difference = numbers(64, 48)
    added = {name: weight + up @ down + difference}
    yield Dialect("a pair and a difference", {**official, f"{LINEAR}.diff": difference}, added)


def magnitudes(weights: Weights, numbers: Numbers) -> Iterator[Dialect]:
    """DoRA's magnitude, by output and by input, on every kind of change."""
    for layer in (LINEAR, SQUARE):
        weight = weights[f"{layer}.weight"]
        out, inside = weight.shape
        module = f"lycoris_{layer.replace('.', '_')}"
        small, large = numbers(2, 2), numbers(out // 2, inside // 2)
        a, b, c, d = (numbers(*size) for size in ((out, RANK), (RANK, inside)) * 2)
        loha = dict(zip(("w1_a", "w1_b", "w2_a", "w2_b"), (a, b, c, d), strict=True))
        difference = numbers(out, inside)
        kinds: dict[str, tuple[dict[str, Tensor], Tensor]] = {
            "LoKr": ({"lokr_w1": small, "lokr_w2": large}, torch.kron(small, large)),
            "LoHa": ({f"hada_{role}": value for role, value in loha.items()}, (a @ b) * (c @ d)),
            "difference": ({"diff": difference}, difference),
        }
        for kind, (roles, change) in kinds.items():
            for axis in (0, 1):
                magnitude = (numbers(*((out, 1) if axis else (1, inside)))).abs() + 0.5
                turned = weight + change
                expected = turned / turned.norm(dim=axis, keepdim=True) * magnitude
                tensors = {f"{module}.{role}": value for role, value in roles.items()}
                yield Dialect(
                    f"DoRA of a {kind}, {layer}, axis {axis}",
                    {**tensors, f"{module}.dora_scale": magnitude},
                    {f"{layer}.weight": expected},
                )


def tucker_forms(weights: Weights, numbers: Numbers) -> Iterator[Dialect]:
    """LyCORIS' form of convolutions with a core between both factors."""
    weight, name = weights[f"{CONV}.weight"], f"{CONV}.weight"
    out, inside = weight.shape[:2]
    core = [numbers(RANK, RANK, *weight.shape[2:]) for _ in range(2)]
    wide = [(numbers(RANK, out), numbers(RANK, inside)) for _ in range(2)]
    whole = [torch.einsum("ijtyx,io,jc->octyx", t, a, b) for t, (a, b) in zip(core, wide, strict=True)]
    loha = {f"hada_t{n}": core[n - 1] for n in (1, 2)}
    loha |= {f"hada_w{n}_{side}": wide[n - 1]["ab".index(side)] for n in (1, 2) for side in "ab"}
    yield Dialect(
        "LoHa in Tucker form",
        {f"lycoris_{CONV}.{role}": value for role, value in loha.items()}
        | {f"lycoris_{CONV}.alpha": torch.tensor(ALPHA)},
        {name: weight + ALPHA / RANK * whole[0] * whole[1]},
    )
    small, a, b = numbers(2, 2), numbers(RANK, out // 2), numbers(RANK, inside // 2)
    large = torch.einsum("ijtyx,io,jc->octyx", core[0], a, b)
    block = torch.einsum("pq,octyx->poqctyx", small, large).reshape(weight.shape)
    lokr = {"lokr_w1": small, "lokr_t2": core[0], "lokr_w2_a": a, "lokr_w2_b": b}
    yield Dialect(
        "LoKr in Tucker form",
        {f"lycoris_{CONV}.{role}": value for role, value in lokr.items()}
        | {f"lycoris_{CONV}.alpha": torch.tensor(ALPHA)},
        {name: weight + ALPHA / RANK * block},
    )
    mid, down, up = core[0], numbers(RANK, inside, 1, 1, 1), numbers(out, RANK, 1, 1, 1)
    product = torch.einsum("or,rstyx,sc->octyx", up[:, :, 0, 0, 0], mid, down[:, :, 0, 0, 0])
    tensors = {"lora_down.weight": down, "lora_mid.weight": mid, "lora_up.weight": up}
    yield Dialect(
        "LoCon in Tucker form",
        {f"lycoris_{CONV}.{role}": value for role, value in tensors.items()},
        {name: weight + product},
    )


def kronecker_of_a_convolution(weights: Weights, numbers: Numbers) -> Iterator[Dialect]:
    weight = weights[f"{CONV}.weight"]
    small, large = numbers(2, 2), numbers(weight.shape[0] // 2, weight.shape[1] // 2, *weight.shape[2:])
    block = torch.einsum("pq,octyx->poqctyx", small, large).reshape(weight.shape)
    tensors = {f"lycoris_{CONV}.lokr_w1": small, f"lycoris_{CONV}.lokr_w2": large}
    yield Dialect("LoKr of a convolution", tensors, {f"{CONV}.weight": weight + block})
