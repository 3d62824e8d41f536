"""Samplers on problems with known answers, and the tables of facts 4.3."""

from __future__ import annotations

import math

import pytest
import torch
from comfyui_anisora.anisora_core.diffusion.guidance import (
    GuidanceRule,
    unconstrained,
    with_cfg,
    with_latent_lock,
)
from comfyui_anisora.anisora_core.diffusion.prediction import Flow
from comfyui_anisora.anisora_core.diffusion.samplers import SAMPLERS
from comfyui_anisora.anisora_core.diffusion.schedules import flow_sigmas
from comfyui_anisora.anisora_core.domain.conditions import LatentLock
from comfyui_anisora.anisora_core.domain.noise import seeded_noise

START, STD = 0.98, 0.6


def gaussian_denoiser(x, sigma):
    """Exact E[x0 | x] when x0 is normal with standard deviation STD: the flow is a linear ODE."""
    alpha = 1.0 - sigma
    return x * (alpha * STD**2 / (alpha**2 * STD**2 + sigma**2))


def exact(x, sigma_from, sigma_to):
    spread = [math.sqrt((1 - s) ** 2 * STD**2 + s**2) for s in (sigma_from, sigma_to)]
    return x * spread[1] / spread[0]


def error(name, steps):
    sigmas = torch.linspace(START, 0.05, steps + 1, dtype=torch.float64).tolist()
    x = torch.ones(1, dtype=torch.float64)
    last = list(SAMPLERS[name](gaussian_denoiser, x, sigmas))[-1]
    return float((last.x - exact(x, START, 0.05)).abs())


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2), ("dpmpp_2m", 2)])
def test_order_on_a_linear_ode(name, order):
    measured = math.log2(error(name, 64) / error(name, 128))
    assert order - 0.25 < measured < order + 0.6


def test_unipc_is_at_least_of_second_order_before_its_last_first_order_step():
    def before_last(steps):
        sigmas = torch.linspace(START, 0.05, steps + 1, dtype=torch.float64).tolist()
        x = torch.ones(1, dtype=torch.float64)
        step = list(SAMPLERS["unipc"](gaussian_denoiser, x, [*sigmas, 0.0]))[-2]
        return float((step.x - exact(x, START, 0.05)).abs())

    assert math.log2(before_last(64) / before_last(128)) > 1.75


def noise():
    return torch.randn(3)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_constant_denoiser_is_reached_exactly(name):
    target = torch.full((3,), 0.7)
    steps = list(
        SAMPLERS[name](lambda x, sigma: target, torch.randn(3), flow_sigmas(5, 3.0, start=0.999), noise)
    )
    assert len(steps) == 5
    assert torch.allclose(steps[-1].x, target, atol=1e-5)
    assert [step.index for step in steps] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_grid_that_starts_at_one_stays_finite(name):
    steps = list(SAMPLERS[name](gaussian_denoiser, torch.randn(3), flow_sigmas(6, 5.0, start=1.0), noise))
    assert torch.isfinite(steps[-1].x).all()


def test_eight_step_grid_equals_upstream():
    sigmas = flow_sigmas(8, 5.0, start=0.999)
    expected = [0.9998, 0.9720, 0.9373, 0.8926, 0.8331, 0.7497, 0.6247, 0.4164, 0.0]
    assert [round(s, 4) for s in sigmas] == expected
    flow = Flow(truncate_timestep=True)
    assert [flow.timestep(s) for s in sigmas[:-1]] == [999, 972, 937, 892, 833, 749, 624, 416]
    shift_3 = [flow.timestep(s) for s in flow_sigmas(8, 3.0, start=0.999)[:-1]]
    assert shift_3 == [999, 954, 899, 832, 749, 642, 499, 299]


@pytest.mark.parametrize(
    ("steps", "shift", "high"), [(8, 5, 3), (8, 3, 2), (16, 5, 6), (40, 5, 15), (40, 3, 10), (4, 5, 2)]
)
def test_steps_on_the_high_noise_expert(steps, shift, high):
    flow = Flow(truncate_timestep=True)
    assert sum(flow.timestep(s) >= 900 for s in flow_sigmas(steps, shift, start=0.999)) == high


@pytest.mark.parametrize(("steps", "shift"), [(0, 3.0), (8, 0.0)])
def test_settings_out_of_range_are_refused(steps, shift):
    with pytest.raises(ValueError, match="must be"):
        flow_sigmas(steps, shift)


def test_cfg_of_one_runs_one_pass():
    calls = []
    cond = with_cfg(lambda x, s: x, lambda x, s: calls.append(s) or x, GuidanceRule(1.0))
    cond(torch.ones(1), 0.5)
    assert calls == []
    guided = with_cfg(lambda x, s: x * 2, lambda x, s: x, GuidanceRule(3.0))
    assert guided(torch.ones(1), 0.5) == 4.0


def test_guidance_acts_where_it_is_said_to_and_nowhere_takes_one_pass():
    calls = []

    def uncond(x, sigma):
        calls.append(sigma)
        return x

    x = torch.ones(1, 1, 3, 1, 1)
    where = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 3, 1, 1)
    guided = with_cfg(lambda x, s: x * 2, uncond, GuidanceRule(3.0, where))
    assert guided(x, 0.5).flatten().tolist() == [2.0, 3.0, 4.0]
    calls.clear()
    with_cfg(lambda x, s: x * 2, uncond, GuidanceRule(3.0, where * 0))(x, 0.5)
    assert calls == []


def test_words_decide_what_no_drawing_follows():
    given = torch.zeros(1, 4, 6, 1, 2)
    given[:, 1, 1], given[:, 0, 3] = 1.0, 0.5  # keyframes in latents 1 and 3, the second at half strength
    given[:, :, 3:, :, 1] = 1.0  # the second pixel stays given
    left, right = unconstrained(given)[0, 0, :, 0].T.tolist()
    assert left == [1.0, 0.0, 0.5, 0.5, 1.0, 1.0]
    assert right == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_hold_keeps_what_is_kept_at_every_noise_level():
    latent, noise = torch.full((1, 1, 1, 1, 2), 0.3), torch.randn(1, 1, 1, 1, 2)
    hold = LatentLock(latent, torch.tensor([1.0, 0.0]).view(1, 1, 1, 1, 2))
    seen = []

    def model(x, sigma):
        seen.append((x.clone(), sigma))
        return torch.zeros_like(x)

    last = list(SAMPLERS["euler"](with_latent_lock(model, hold, noise), noise, flow_sigmas(4, 1.0)))[-1]
    for x, sigma in seen:
        assert torch.allclose(x[..., 0], (1 - sigma) * latent[..., 0] + sigma * noise[..., 0])
    assert torch.allclose(last.x[..., 0], latent[..., 0])
    assert torch.allclose(last.x[..., 1], torch.zeros(1), atol=1e-6)


def test_same_seed_same_noise():
    assert torch.equal(seeded_noise((2, 3), 5), seeded_noise((2, 3), 5))
    assert not torch.equal(seeded_noise((2, 3), 5), seeded_noise((2, 3), 6))
