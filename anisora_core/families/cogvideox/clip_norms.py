"""Group norms of a clip that is computed in runs of frames, with the statistics of the whole clip (Wu and He 2018, arXiv 1803.08494).

Statistics of a norm need all runs to have come as far as that norm. So the runs are computed once for each norm, as far as it,
and once more to the end: time is paid instead of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

#: (x of a run, what to call for each norm) -> y of the run.
Computation = Callable[[Tensor, "ClipNorms"], Tensor]


class Unmeasured(Exception):
    """The run has come to the norm that is being measured."""


class ClipNorms:
    """Called as (norm, x_BCTHW) -> normalised x, in the same order in every run."""

    def __init__(self) -> None:
        self.known: list[tuple[Tensor, Tensor]] = []  # scale and shift [B, C, 1, 1, 1]
        self.position = 0
        self.norm: nn.GroupNorm | None = None
        self.dtype = torch.float32
        self.count, self.mean, self.squares = 0, torch.zeros(()), torch.zeros(())

    def __call__(self, norm: nn.Module, x: Tensor) -> Tensor:
        assert isinstance(norm, nn.GroupNorm)
        if self.position == len(self.known):
            self.measure(norm, x)
            raise Unmeasured
        scale, shift = self.known[self.position]
        self.position += 1
        return torch.addcmul(shift, exact(x), scale).to(x.dtype)

    def measure(self, norm: nn.GroupNorm, x: Tensor) -> None:
        """Adds a run to the mean and the squared deviations of each group (Chan, Golub, LeVeque 1979, equation 2.1)."""
        self.dtype = exact(x).dtype
        groups = exact(x).flatten(2).unflatten(1, (norm.num_groups, -1)).flatten(2)
        variance, mean = torch.var_mean(groups, dim=2, correction=0)
        count, mean, squares = groups.shape[2], mean.double(), variance.double() * groups.shape[2]
        total, away = self.count + count, mean - self.mean.to(mean)
        self.squares = self.squares.to(squares) + squares + away**2 * (self.count * count / total)
        self.mean, self.count, self.norm = self.mean.to(mean) + away * (count / total), total, norm

    def next_run(self) -> None:
        self.position = 0

    def next_pass(self) -> None:
        """Every run has been measured."""
        norm = self.norm
        assert norm is not None
        width = norm.num_channels // norm.num_groups
        deviation = (self.squares / self.count + norm.eps).sqrt()
        mean, deviation = (each.repeat_interleave(width, dim=1) for each in (self.mean, deviation))
        scale = norm.weight.to(mean) / deviation
        shift = norm.bias.to(mean) - mean * scale
        scale, shift = (each.to(self.dtype)[..., None, None, None] for each in (scale, shift))
        self.known.append((scale, shift))
        self.count, self.mean, self.squares = 0, torch.zeros(()), torch.zeros(())


def exact(x: Tensor) -> Tensor:
    """In float32 at least, as torch's own norms compute."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def in_runs(runs: Sequence[Tensor], computation_of_pass: Callable[[], Computation]) -> list[Tensor]:
    """y of every run, its norms over all of them. `computation_of_pass` begins a pass over the runs, with nothing remembered."""
    norms = ClipNorms()
    while True:
        compute, done = computation_of_pass(), list[Tensor]()
        for x in runs:
            norms.next_run()
            try:
                done.append(compute(x, norms))
            except Unmeasured:
                continue
        if done:
            return done
        norms.next_pass()
