"""V1's schedule, prediction, sampler and guidance curves: the numbers of facts 1.8, and exact answers."""

from __future__ import annotations

import math

import pytest
import torch
from comfyui_anisora.anisora_core.diffusion.guidance import GuidanceRule, rising, v1_reference, with_cfg
from comfyui_anisora.anisora_core.diffusion.prediction import Velocity, denoiser, to_vp
from comfyui_anisora.anisora_core.diffusion.samplers import SAMPLERS, sde_dpmpp_2m
from comfyui_anisora.anisora_core.diffusion.schedules import (
    alpha_of_sigma,
    cogvideox_alphas,
    cogvideox_sigmas,
    cogvideox_timesteps,
    sigma_of_alpha,
    zero_terminal_snr,
)

AUTHORS_50 = """2.291 2.544 6.974 6.420 2.788 4.272 1.038 4.170 1.618 6.983 1.005 2.872 6.977 1.633 4.330 2.437 6.377
6.007 3.448 3.198 1.655 6.610 1.195 4.295 6.985 1.521 1.762 1.058 4.128 1.482 2.003 5.948 4.143 6.531 6.140 7.000
6.168 1.120 2.098 6.685 6.999 2.343 6.213 1.251 7.000 6.864 1.064 1.000 1.000 1.123"""


def test_the_trained_table_before_and_after_the_rescale():
    before = cogvideox_alphas()
    after = zero_terminal_snr(before)
    assert [before[0], before[999], after[500]] == pytest.approx(
        [0.99957490, 0.06826492, 0.49093667], abs=1e-8
    )
    assert after[0] == before[0]
    assert after[999] == 0.0


def test_the_sampling_steps_and_their_own_rescale():
    steps = cogvideox_timesteps(50)
    assert steps[:2] + steps[-2:] == (999, 979, 39, 19)
    alphas = [alpha_of_sigma(sigma) for sigma in cogvideox_sigmas(50)[:-1]]
    full = zero_terminal_snr(cogvideox_alphas())
    worst = max(abs(alpha - full[t]) for alpha, t in zip(alphas, steps, strict=True))
    assert round(worst, 5) == 0.00062  # facts: up to 6.2e-4
    assert alphas[-1] == pytest.approx(cogvideox_alphas()[19])
    assert alphas[0] == 0.0
    with pytest.raises(ValueError, match="steps 0 must be 1 to 1000"):
        cogvideox_sigmas(0)


def test_alpha_and_sigma_are_inverse():
    for alpha in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert alpha_of_sigma(sigma_of_alpha(alpha)) == pytest.approx(alpha)


def test_a_perfect_velocity_gives_the_clean_latent_and_is_told_the_trained_step():
    x0, noise = torch.randn(2, 1, 4, dtype=torch.float64)
    for sigma, trained in zip(cogvideox_sigmas(50)[:-1], cogvideox_timesteps(50), strict=True):
        seen = []

        def network(x_vp, timestep, sigma=sigma, seen=seen):
            alpha = alpha_of_sigma(sigma)
            spread = math.sqrt(1.0 - alpha * alpha)
            seen.append(timestep.tolist())
            assert torch.allclose(x_vp, alpha * x0 + spread * noise)
            return alpha * noise - spread * x0

        denoised = denoiser(Velocity(50), network)((1.0 - sigma) * x0 + sigma * noise, sigma)
        assert torch.allclose(denoised, x0, atol=5e-3)  # alpha is rounded to a trained one, as the authors do
        assert seen == [[trained]]


def test_sde_steps_equal_the_formula_on_the_sphere():
    """Facts 1.8, written out in their own coordinates."""
    sigmas = cogvideox_sigmas(8)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(3, dtype=torch.float64, generator=rng)
    draws = [torch.randn(3, dtype=torch.float64, generator=rng) for _ in range(8)]

    def denoise(x, sigma):
        return 0.3 * to_vp(x, sigma) + 0.1

    ours = [step.x for step in sde_dpmpp_2m(denoise, x, sigmas, iter(draws).__next__)]
    a = [alpha_of_sigma(sigma) for sigma in sigmas]
    s = [math.sqrt(1.0 - value * value) for value in a]
    lam = [math.log(a[i] / s[i]) if 0 < a[i] < 1 else math.copysign(math.inf, a[i] - 0.5) for i in range(9)]
    theirs, old = x, None
    for i in range(8):
        clean = 0.3 * theirs + 0.1
        if i == 7:
            theirs = clean
        elif i == 0:
            theirs = a[1] * clean + s[1] * draws[0]
        else:
            h, r = lam[i + 1] - lam[i], (lam[i] - lam[i - 1]) / (lam[i + 1] - lam[i])
            d = clean if i == 1 else (1 + 1 / (2 * r)) * clean - 1 / (2 * r) * old
            theirs = (
                s[i + 1] / s[i] * math.exp(-h) * theirs
                - a[i + 1] * math.expm1(-2 * h) * d
                + s[i + 1] * math.sqrt(1 - math.exp(-2 * h)) * draws[i]
            )
        old = clean
        assert torch.allclose(to_vp(ours[i], sigmas[i + 1]), theirs, atol=1e-12)


def test_euler_is_ddim_on_the_sphere():
    """DDIM (Song et al. 2020, arXiv 2010.02502, equation 12 without its noise)."""
    sigmas, x = cogvideox_sigmas(6), torch.randn(3, dtype=torch.float64)
    steps = [step.x for step in SAMPLERS["euler"](lambda x, sigma: 0.2 * x, x, sigmas)]
    for i in range(1, 5):
        before, a, b = steps[i - 1], alpha_of_sigma(sigmas[i]), alpha_of_sigma(sigmas[i + 1])
        clean = 0.2 * before
        noise = (to_vp(before, sigmas[i]) - a * clean) / math.sqrt(1 - a * a)
        assert torch.allclose(to_vp(steps[i], sigmas[i + 1]), b * clean + math.sqrt(1 - b * b) * noise)


def test_the_authors_curve_equals_their_sequence_and_the_sane_one_rises():
    sigmas = cogvideox_sigmas(50)
    literal = v1_reference(6.0, Velocity(50).timestep)
    assert [f"{literal(sigma):.3f}" for sigma in sigmas[:-1]] == AUTHORS_50.split()
    sane = [rising(6.0, sigmas)(sigma) for sigma in sigmas[:-1]]
    assert sane == sorted(sane)
    assert (round(sane[0], 2), round(sane[-1], 2)) == (1.0, 6.86)


def test_guidance_follows_its_curve_and_skips_the_second_pass_at_one():
    calls = []

    def uncond(x, sigma):
        calls.append(sigma)
        return torch.zeros_like(x)

    guided = with_cfg(
        lambda x, sigma: torch.ones_like(x), uncond, GuidanceRule(lambda sigma: 1.0 if sigma > 0.5 else 3.0)
    )
    assert float(guided(torch.zeros(1), 0.9)) == 1.0
    assert float(guided(torch.zeros(1), 0.2)) == 3.0
    assert calls == [0.2]
