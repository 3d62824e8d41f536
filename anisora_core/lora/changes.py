"""Changes of a weight that LoRA files hold.

Shapes: a weight is [out, in, ...]; factors are named as their papers do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

#: Below every norm of a row that is not all zero; a row of zeros stays one.
TINY = 1e-30


class Change(Protocol):
    """What one file does to one weight, at strength 1."""

    def delta(self, weight: Tensor) -> Tensor:
        """float32, of the weight's shape."""
        ...


@dataclass(frozen=True)
class LowRank:
    """LoRA (Hu et al. 2021, arXiv 2106.09685, section 4.1): scale * up @ down."""

    down: Tensor
    up: Tensor
    scale: float
    mid: Tensor | None = None  # LyCORIS' Tucker form of convolutions

    def without_mid(self) -> LowRank:
        """The same change as two factors."""
        if self.mid is None:
            return self
        down = torch.einsum("rs...,si->ri...", self.mid.float(), self.down.float().flatten(1))
        return LowRank(down, self.up, self.scale)

    def delta(self, weight: Tensor) -> Tensor:
        up, down = self.up.float().flatten(1), self.without_mid().down.float().flatten(1)
        return (self.scale * (up @ down)).view(weight.shape)


@dataclass(frozen=True)
class Hadamard:
    """LoHa (Hyeon-Woo et al. 2021, arXiv 2108.06098, equation 2): product, element by element, of two low ranks."""

    w1: tuple[Tensor, Tensor]
    w2: tuple[Tensor, Tensor]
    scale: float

    def product(self) -> Tensor:
        first, second = (a.float() @ b.float().flatten(1) for a, b in (self.w1, self.w2))
        return self.scale * first * second

    def delta(self, weight: Tensor) -> Tensor:
        return self.product().view(weight.shape)


@dataclass(frozen=True)
class Kronecker:
    """LoKr (Yeh et al. 2023, arXiv 2309.14859, section 3.2): Kronecker product, factors whole or of low rank."""

    w1: tuple[Tensor, ...]
    w2: tuple[Tensor, ...]
    scale: float

    def product(self) -> Tensor:
        first, second = (_product(parts).flatten(1) for parts in (self.w1, self.w2))
        return self.scale * torch.kron(first, second)

    def delta(self, weight: Tensor) -> Tensor:
        return self.product().view(weight.shape)


@dataclass(frozen=True)
class Full:
    """The difference itself."""

    difference: Tensor

    def delta(self, weight: Tensor) -> Tensor:
        return self.difference.float().view(weight.shape)


@dataclass(frozen=True)
class Dora:
    """DoRA (Liu et al. 2024, arXiv 2402.09353, equation 5): a change of direction, of any kind, and a magnitude of its own."""

    inner: Change
    magnitude: Tensor

    def delta(self, weight: Tensor) -> Tensor:
        base = weight.float()
        turned = base + self.inner.delta(weight)
        by_output = self.magnitude.shape[0] == weight.shape[0]
        rows = turned.flatten(1)
        norm = rows.norm(dim=1) if by_output else rows.norm(dim=0)
        ratio = self.magnitude.float().flatten() / norm.clamp_min(TINY)
        shape = (-1, 1) if by_output else (1, -1)
        return (rows * ratio.view(shape)).view(weight.shape) - base


def added(first: Change, second: Change) -> Change:
    """One change that does what both do; of two equal ones only one acts. ValueError where one is a DoRA, whose change depends on
    the weight."""
    if isinstance(first, LowRank) and isinstance(second, LowRank):
        a, b = first.without_mid(), second.without_mid()
        factors = ((a.down, b.down), (a.scale * a.up.float(), b.scale * b.up.float()))
        if all(x.shape == y.shape and torch.allclose(x.float(), y.float(), rtol=1e-2) for x, y in factors):
            return first
        up = torch.cat([a.scale * a.up.float(), b.scale * b.up.float()], dim=1)
        return LowRank(torch.cat([a.down.float(), b.down.float()]), up, 1.0)
    one, other = _difference(first), _difference(second)
    return first if torch.allclose(one, other, rtol=1e-2) else Full(one + other)


def _difference(change: Change) -> Tensor:
    if isinstance(change, LowRank):
        plain = change.without_mid()
        return plain.scale * (plain.up.float().flatten(1) @ plain.down.float().flatten(1))
    if isinstance(change, Hadamard | Kronecker):
        return change.product().flatten(1)
    if isinstance(change, Full):
        return (
            change.difference.float().flatten(1) if change.difference.ndim > 1 else change.difference.float()
        )
    raise ValueError("one change is a DoRA")


def tucker(core: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """A factor of LyCORIS' Tucker form: core [rank, rank, ...], a [rank, out], b [rank, in] -> [out, in, ...], float32."""
    return torch.einsum("ij...,ip,jr->pr...", core.float(), a.float(), b.float())


def nearest(matrix: Tensor, rank: int) -> LowRank:
    """The closest low rank to [out, in] in the Frobenius norm, by subspace iteration (Halko et al. 2011, algorithm 4.4).

    Exact, up to rounding, when the matrix has no higher rank.
    """
    width = min(rank + 16, *matrix.shape)
    basis = torch.randn(matrix.shape[1], width, generator=torch.Generator().manual_seed(0))
    for _ in range(4):
        basis = torch.linalg.qr(matrix.T @ torch.linalg.qr(matrix @ basis).Q).Q
    up, values, down = torch.linalg.svd(matrix @ basis, full_matrices=False)
    return LowRank((down @ basis.T)[:rank].contiguous(), (up * values)[:, :rank].contiguous(), 1.0)


def _product(parts: tuple[Tensor, ...]) -> Tensor:
    return parts[0].float() if len(parts) == 1 else parts[0].float() @ parts[1].float().flatten(1)


def on_device(value: Any, device: torch.device | str) -> Any:
    """A change with its factors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(on_device(part, device) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: on_device(getattr(value, f.name), device) for f in fields(value)})
    return value


def fits(change: Change, shape: torch.Size) -> bool:
    """Whether it is one of a weight of that shape."""
    try:
        return on_device(change, "meta").delta(torch.empty(shape, device="meta")).shape == shape
    except RuntimeError:
        return False
