"""Trainable LoRA and DoRA beside the linear layers of a network, which do not change."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .changes import Change, Dora, LowRank

#: What a LoRA changes unless set otherwise: the attention projections and feed-forward layers of every block.
BLOCK_LINEARS = r"blocks\.\d+\..*"


@dataclass(frozen=True)
class AdapterSettings:
    """`targets`: pattern of the whole names of linear layers. `dropout`: share of ranks that a clip does without.

    `alpha` None: the rank, so that the factors are the change.
    """

    rank: int = 32
    alpha: float | None = None
    dropout: float = 0.0
    targets: str = BLOCK_LINEARS
    is_dora: bool = False

    @property
    def scale(self) -> float:
        return (self.rank if self.alpha is None else self.alpha) / self.rank


class Adapter(nn.Module):
    """One layer's: LoRA (Hu et al. 2021, arXiv 2106.09685, section 4.1), starting at no change; float32.

    With a magnitude it is DoRA (Liu et al. 2024, arXiv 2402.09353, equation 5), its norm held constant in the gradient as their
    section 4.3 advises.
    """

    def __init__(self, linear: nn.Linear, settings: AdapterSettings, rng: torch.Generator) -> None:
        super().__init__()
        self.settings, self.has_bias = settings, "bias" in dict(linear.named_parameters())
        bound = 1.0 / math.sqrt(linear.in_features)  # kaiming_uniform_(a=sqrt(5)), as LoRA's authors start
        start = torch.rand(settings.rank, linear.in_features, generator=rng) * 2.0 - 1.0
        self.down = nn.Parameter(start * bound)
        self.up = nn.Parameter(torch.zeros(linear.out_features, settings.rank))
        self.magnitude = (
            nn.Parameter(linear.weight.detach().float().norm(dim=1)) if settings.is_dora else None
        )

    def forward(self, x: Tensor, linear: nn.Linear, out: Tensor, kept_BR: Tensor | None) -> Tensor:
        """The layer's output `out` for x [B, ..., in], changed; `kept_BR`: each clip's ranks, scaled up for those left out."""
        narrow = F.linear(x, self.down.to(x.dtype))
        if kept_BR is not None:
            narrow = narrow * kept_BR.to(narrow).view(-1, *[1] * (x.ndim - 2), self.settings.rank)
        change = self.settings.scale * F.linear(narrow, self.up.to(x.dtype))
        if self.magnitude is None:
            return out + change.to(out.dtype)
        weight = linear.weight.detach().float()
        norm = (weight + self.settings.scale * (self.up @ self.down).detach()).norm(dim=1)
        ratio = (self.magnitude / norm).to(out.dtype)
        bias = linear.get_parameter("bias") if self.has_bias else torch.zeros_like(ratio)
        return ((out - bias + change) * ratio + bias).to(out.dtype)

    @torch.no_grad()
    def start_from(self, change: Change | None, what: str) -> None:
        """`what` names the change in errors."""
        plain = change.inner if isinstance(change, Dora) else change
        if not isinstance(plain, LowRank) or isinstance(change, Dora) != self.settings.is_dora:
            wanted = "DoRA" if self.settings.is_dora else "LoRA"
            raise ValueError(f"{what} is no {wanted}; give one trained with the same targets and dora")
        if plain.down.shape != self.down.shape:
            raise ValueError(f"{what} has rank {len(plain.down)}; use rank {len(plain.down)}")
        self.down.copy_(plain.down)
        self.up.copy_(plain.up * (plain.scale / self.settings.scale))
        if isinstance(change, Dora) and self.magnitude is not None:
            self.magnitude.copy_(change.magnitude.flatten())

    def change(self) -> Change:
        """What it learned, for a file: scale folded into neither factor."""
        plain = LowRank(self.down.detach().cpu(), self.up.detach().cpu(), self.settings.scale)
        return plain if self.magnitude is None else Dora(plain, self.magnitude.detach().cpu())


class Adapters(nn.Module):
    """One `Adapter` for each targeted layer of a network, which `acting` puts to work.

    `keys`: one per clip of the batch at hand, for dropout.
    """

    def __init__(self, network: nn.Module, settings: AdapterSettings, seed: int) -> None:
        super().__init__()
        layers = linear_layers(network, settings.targets)
        rng = torch.Generator().manual_seed(seed)
        self.settings, self.names = settings, list(layers)
        self.keys: Sequence[int] = ()
        self.is_on = True
        self.each = nn.ModuleList(Adapter(layer, settings, rng) for layer in layers.values())

    def changes(self) -> dict[str, Change]:
        """Our parameter name -> what was learned."""
        each: list[Any] = list(self.each)
        return {f"{name}.weight": one.change() for name, one in zip(self.names, each, strict=True)}

    def start_from(self, changes: Mapping[str, Change], source: str) -> None:
        """Go on from the changes of a LoRA of the same rank and layers, as this trainer writes it; ValueError for any other."""
        for name, each in zip(self.names, self.each, strict=True):
            assert isinstance(each, Adapter)
            each.start_from(changes.get(f"{name}.weight"), f"start: {name} in {source}")

    def kept(self, index: int) -> Tensor | None:
        """Ranks of adapter `index` that each clip keeps, by its own key, so that neither the batch nor the number of
        processes decides what is dropped."""
        rate = self.settings.dropout
        if not (self.training and rate and self.keys):
            return None
        rows = [keyed_uniform(key + index, self.settings.rank) >= rate for key in self.keys]
        return torch.stack(rows).float() / (1.0 - rate)

    @contextmanager
    def off(self) -> Generator[None]:
        """The network as it was."""
        self.is_on = False
        try:
            yield
        finally:
            self.is_on = True


@contextmanager
def acting(network: nn.Module, adapters: Adapters) -> Generator[None]:
    """The adapters change the outputs of the network's layers while the block runs; its weights are not touched.

    Going back belongs inside too: checkpointed blocks are computed again then.
    """

    def hook(index: int) -> Any:
        def change(linear: nn.Linear, arguments: tuple[Tensor, ...], out: Tensor) -> Tensor:
            if not adapters.is_on:
                return out
            return adapters.each[index](arguments[0], linear, out, adapters.kept(index))

        return change

    handles = [
        network.get_submodule(name).register_forward_hook(hook(index))
        for index, name in enumerate(adapters.names)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def linear_layers(network: nn.Module, targets: str) -> dict[str, nn.Linear]:
    """ValueError for a pattern that is none, or fits no layer."""
    try:
        pattern = re.compile(targets)
    except re.error as error:
        raise ValueError(f"targets {targets!r} is not a pattern ({error}); use {BLOCK_LINEARS}") from None
    found = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and pattern.fullmatch(name)
    }
    if not found:
        raise ValueError(f"targets {targets!r} fits no linear layer of this network; use {BLOCK_LINEARS}")
    return found


def keyed_uniform(key: int, count: int) -> Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(key % (1 << 63)))
