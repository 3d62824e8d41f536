"""Few steps, placed where they matter: subsets of a fine Euler grid (optimal step selection, AniSora V2).

A list names indices 1..n of a grid whose entry 0 is clean and n is noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .schedules import shift_sigma

GRID = 96

#: x, sigma -> noise - x0.
Velocity = Callable[[Tensor, float], Tensor]


def grid_sigmas(shift: float, size: int = GRID) -> tuple[float, ...]:
    """Ascending, 0 to 1, `size` + 1 values."""
    return tuple(shift_sigma(index / size, shift) for index in range(size + 1))


def listed_sigmas(indices: Sequence[int], shift: float = 5.0, size: int = GRID) -> tuple[float, ...]:
    """Descending sigmas of a list, ending at 0, for `euler`. ValueError for indices that do not rise to `size`."""
    if list(indices) != sorted(set(indices)) or not indices or indices[0] < 1 or indices[-1] != size:
        raise ValueError(f"steps {', '.join(map(str, indices))} must rise from 1 or more to {size}")
    grid = grid_sigmas(shift, size)
    return (*(grid[index] for index in reversed(indices)), 0.0)


@torch.inference_mode()
def find_steps(
    velocity: Velocity, noise: Tensor, steps: int, *, shift: float = 5.0, size: int = GRID, power: float = 2.0
) -> tuple[int, ...]:
    """A list of `steps` indices for one starting noise, by dynamic programming against the trajectory of the whole grid.

    For each number of steps taken and each index j, the state kept is that of the step from any i > j which lands
    nearest (mean |difference|^power) to where the fine trajectory is at j. Takes size * (steps + 1) evaluations;
    the authors run it on several samples and take the median of each place.
    """
    if not 1 <= steps <= size:
        raise ValueError(f"steps {steps} must be 1 to {size}")
    sigmas = grid_sigmas(shift, size)
    teacher = [noise] * (size + 1)
    for i in range(size, 0, -1):
        teacher[i - 1] = teacher[i] + velocity(teacher[i], sigmas[i]) * (sigmas[i - 1] - sigmas[i])
    states: dict[int, Tensor] = {size: noise}
    traces: list[dict[int, int]] = []
    for _ in range(steps):
        best: dict[int, float] = {}
        landed: dict[int, Tensor] = {}
        trace: dict[int, int] = {}
        for i in sorted(states, reverse=True):
            slope = velocity(states[i], sigmas[i]) if i else None
            for j in range(i):
                assert slope is not None
                state = states[i] + slope * (sigmas[j] - sigmas[i])
                cost = float((state - teacher[j]).abs().pow(power).mean())
                if cost < best.get(j, float("inf")):
                    best[j], landed[j], trace[j] = cost, state, i
        states = landed
        traces.append(trace)
    found, index = list[int](), 0
    for trace in reversed(traces):
        index = trace[index]
        found.append(index)
    return tuple(found)
