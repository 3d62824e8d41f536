"""Optimal-step lists against facts 3.5, and the search against trying everything."""

from __future__ import annotations

import itertools

import pytest
import torch
from comfyui_anisora.anisora_core.diffusion.experts import with_experts
from comfyui_anisora.anisora_core.diffusion.optimal_steps import (
    find_steps,
    grid_sigmas,
    listed_sigmas,
)
from comfyui_anisora.anisora_core.diffusion.prediction import denoiser
from comfyui_anisora.anisora_core.diffusion.samplers import SAMPLERS
from comfyui_anisora.anisora_core.generation.plan import plan_sampling
from comfyui_anisora.anisora_core.releases import RELEASES, find_release

LISTS = find_release("V2").step_lists
FACTS = """0 .09615 .21552 .39286 .58333 .75 .83904 .90517 .93421 .96154 .97222 .97973 .98451 .99138 .99576 .9979 1"""


def test_the_authors_sixteen_steps_have_their_sigmas():
    ascending = [float(text) for text in FACTS.split()]
    assert [round(sigma, 5) for sigma in reversed(listed_sigmas(LISTS[16]))] == ascending
    assert all(len(row) == steps for steps, row in LISTS.items())


@pytest.mark.parametrize("indices", [(), (0, 96), (5, 5, 96), (7, 3, 96), (3, 90)])
def test_lists_that_do_not_rise_to_noise_are_refused(indices):
    with pytest.raises(ValueError, match="must rise from 1 or more to 96"):
        listed_sigmas(indices)


def curved(x, sigma):
    """Velocity of normal data of standard deviation 0.3 around 1: straight at high noise, bent at low."""
    alpha, variance = 1.0 - sigma, 0.3**2
    spread = alpha**2 * variance + sigma**2
    clean = 1.0 + alpha * variance / spread * (x - alpha)
    return (x - clean) / max(sigma, 1e-6)


def walk(indices, noise, size):
    sigmas = grid_sigmas(5.0, size)
    x = noise
    for i, j in itertools.pairwise([*reversed(indices), 0]):
        x = x + curved(x, sigmas[i]) * (sigmas[j] - sigmas[i])
    return x


def test_two_steps_are_the_best_pair_there_is():
    size, noise = 12, torch.randn(64, generator=torch.Generator().manual_seed(0))
    teacher = walk(range(1, size + 1), noise, size)
    cost = {i: float((walk((i, size), noise, size) - teacher).square().mean()) for i in range(1, size)}
    assert find_steps(curved, noise, 2, size=size) == (min(cost, key=cost.__getitem__), size)


def test_found_steps_beat_even_ones_and_run_in_the_sampler():
    size, noise = 48, torch.randn(256, generator=torch.Generator().manual_seed(1))
    teacher = walk(range(1, size + 1), noise, size)
    found, even = find_steps(curved, noise, 6, size=size), tuple(range(8, 49, 8))
    assert found[-1] == size
    assert list(found) == sorted(set(found))
    errors = [float((walk(row, noise, size) - teacher).square().mean()) for row in (found, even)]
    assert errors[0] < 0.5 * errors[1]
    sigmas = listed_sigmas(found, size=size)
    sampled = list(SAMPLERS["euler"](lambda x, s: x - s * curved(x, s), noise, sigmas))[-1].x
    assert torch.allclose(sampled, walk(found, noise, size), atol=1e-5)


@pytest.mark.parametrize(
    ("steps", "shift", "high"), [(8, 5, 3), (8, 3, 2), (16, 5, 6), (40, 5, 15), (40, 3, 10), (4, 5, 2)]
)
def test_experts_change_at_the_boundary_and_only_one_is_resident(steps, shift, high):
    """Facts 4.4: so many steps are the high expert's."""
    loads, calls, resident = [], [], set()

    class Expert:
        def __init__(self, name):
            self.name = name
            loads.append(name)
            resident.add(name)
            assert len(resident) == 1

        def __del__(self):
            resident.discard(self.name)

        def __call__(self, x, sigma):
            calls.append(self.name)
            return x

    plan = plan_sampling(RELEASES["V3.2"], steps=steps, shift=shift)
    denoise = with_experts(Expert, plan.expert)
    for sigma in plan.sigmas[:-1]:
        denoise(torch.zeros(1), sigma)
    assert loads == ["high", "low"]
    assert calls == ["high"] * high + ["low"] * (steps - high)


@pytest.mark.parametrize("steps", LISTS)
def test_the_network_is_given_exact_timesteps(steps):
    """V2's program for lists feeds 1000 sigma; its scheduler for other samplers truncates."""
    seen, release = [], find_release("V2")
    plan = plan_sampling(release, sampler="optimal", steps=steps)
    model = denoiser(plan.prediction, lambda x, t: seen.append(float(t[0])) or x)
    list(SAMPLERS["optimal"](model, torch.zeros(1), plan.sigmas))
    grid = [5.0 * i / (96.0 + 4.0 * i) for i in reversed(LISTS[steps])]
    assert seen == pytest.approx([1000.0 * sigma for sigma in grid], abs=1e-3)
    assert seen[1] == pytest.approx(997.899, abs=1e-3)
    assert plan_sampling(release).prediction.timestep(grid[1]) == 997.0
