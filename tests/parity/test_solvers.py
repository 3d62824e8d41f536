"""UniPC and DPM-Solver++ against diffusers' schedulers on our grids, and UniPC against its closed form (facts 13)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.diffusion.samplers import GRID_START, SAMPLERS
from comfyui_anisora.anisora_core.diffusion.schedules import flow_sigmas

STEPS = [1, 2, 3, 8, 12]


def velocity(x, sigma):
    """Smooth and not linear, so that orders show."""
    return torch.sin(3.0 * x) * (0.3 + sigma) + 0.5 * x


def ours(name, x, sigmas):
    return [step.x for step in SAMPLERS[name](lambda x, s: x - s * velocity(x, s), x, sigmas)]


def scheduler_for(name):
    from diffusers import DPMSolverMultistepScheduler, UniPCMultistepScheduler

    common = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "solver_order": 2}
    if name == "unipc":
        return UniPCMultistepScheduler(solver_type="bh2", **common)
    return DPMSolverMultistepScheduler(algorithm_type="dpmsolver++", solver_type="midpoint", **common)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("shift", [3.0, 5.0])
@pytest.mark.parametrize("name", ["unipc", "dpmpp_2m"])
def test_every_step_equals_diffusers(name, shift, steps):
    sigmas = flow_sigmas(steps, shift, start=GRID_START[name])
    scheduler = scheduler_for(name)
    scheduler.set_timesteps(steps)
    scheduler.sigmas = torch.tensor(sigmas, dtype=torch.float64)  # their own grid differs (facts 12)
    scheduler.timesteps = torch.arange(steps, 0, -1)
    x = torch.randn(1, 4, 4, 4, dtype=torch.float64)
    mine = ours(name, x, sigmas)
    for i, sigma in enumerate(sigmas[:-1]):
        x = scheduler.step(velocity(x, sigma), scheduler.timesteps[i], x, return_dict=False)[0]
        # the corrector is part of the next step with them
        assert (mine[i] - x).abs().max() < 1e-5, i


@pytest.mark.parametrize("steps", STEPS)
def test_unipc_equals_its_closed_form(steps):
    s = flow_sigmas(steps, 5.0, start=0.999)
    lam = [math.log((1.0 - sigma) / sigma) if sigma else math.inf for sigma in s]
    x = torch.randn(1, 4, 4, 4, dtype=torch.float64)
    mine = ours("unipc", x, s)
    m, before, order = [], x, 1
    for i in range(steps):
        m.append(x - s[i] * velocity(x, s[i]))
        if i >= 1:
            h = lam[i] - lam[i - 1]
            p = math.expm1(-h)
            base = s[i] / s[i - 1] * before - (1.0 - s[i]) * p * m[i - 1]
            if order == 1:
                c = 0.5 * (m[i] - m[i - 1])
            else:
                r = (lam[i - 2] - lam[i - 1]) / h
                k1 = p / -h - 1.0
                b1, b2 = k1 / p, 2.0 * (k1 / -h - 0.5) / p
                rho = np.linalg.solve([[1.0, 1.0], [r, 1.0]], [b1, b2])
                c = rho[0] * (m[i - 2] - m[i - 1]) / r + rho[1] * (m[i] - m[i - 1])
            x = base - (1.0 - s[i]) * p * c
        before, order = x, min(2, steps - i, i + 1)
        h = lam[i + 1] - lam[i]
        p = math.expm1(-h)
        x = s[i + 1] / s[i] * x - (1.0 - s[i + 1]) * p * m[i]
        if order == 2:
            x = x - (1.0 - s[i + 1]) * p * 0.5 * (m[i - 1] - m[i]) / ((lam[i - 1] - lam[i]) / h)
        assert (mine[i] - x).abs().max() < 1e-10, i
