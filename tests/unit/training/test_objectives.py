"""What a step minimises."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.diffusion.prediction import Velocity
from comfyui_anisora.anisora_core.lora.trainable import Adapters, AdapterSettings, acting
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.noise_levels import NoiseLevels
from comfyui_anisora.anisora_core.training.objectives import AdapterMatching

sys.path.insert(0, str(Path(__file__).parents[2]))
from small_inputs import learned, random_wan


def test_velocity_is_learned_where_it_is_sampled():
    """A network that answers the target is sampled to x0 exactly, at the levels of V1's own steps."""
    x0, noise = torch.randn(1, 16, 2, 4, 4), torch.randn(1, 16, 2, 4, 4)
    predict = Velocity(1000)
    for level in (0.2, 0.5, 0.9):
        levels = NoiseLevels("uniform", 1.0)
        x, timestep, target = predict.training_point(x0, noise, torch.tensor([level]), levels)
        from comfyui_anisora.anisora_core.diffusion.schedules import (
            cogvideox_alphas,
            sigma_of_alpha,
            zero_terminal_snr,
        )

        alpha = zero_terminal_snr(cogvideox_alphas())[int(timestep)]
        sigma = sigma_of_alpha(alpha)
        flow_point = x / (alpha + (1 - alpha * alpha) ** 0.5)
        assert torch.allclose(predict.denoised(flow_point, sigma, target), x0, atol=1e-4)


def prior_batch() -> dict[str, torch.Tensor]:
    """Two clips with all of them given."""
    return {
        "latent": torch.randn(2, 16, 2, 4, 4),
        "guide": torch.randn(2, 16, 2, 4, 4),
        "mask": torch.ones(2, 4, 2, 4, 4),
        "text": torch.ones(2, 4, 8),
        "prior_text": torch.ones(2, 4, 8),
        "key": torch.tensor([1, 2]),
        "level": torch.tensor([0.2, 0.8]),
    }


def test_a_prior_step_wants_the_network_as_it_was():
    model = random_wan()
    adapters = Adapters(model, AdapterSettings(rank=4), seed=0)
    objective = AdapterMatching(model, RELEASES["V3.2"], NoiseLevels("shift", 5.0))
    batch = prior_batch()

    def loss(**changes: torch.Tensor) -> float:
        with torch.no_grad(), acting(model, adapters):
            return float(objective(adapters, batch | changes, torch.Generator())[0])

    assert loss() == pytest.approx(0.0, abs=1e-8)
    learned(adapters)
    assert loss() > 1e-4
    assert float(loss(prior_text=torch.randn(2, 4, 8))) > 1e-4
    del batch["prior_text"]
    assert loss() > 0.1


@pytest.mark.parametrize(("more", "times"), [({"given_weight": 0.0}, 1 / 3), ({"prior_weight": 1.0}, 1 / 4)])
def test_errors_count_more_where_something_is_given_and_in_what_is_to_stay(more, times):
    model = random_wan()
    adapters = learned(Adapters(model, AdapterSettings(rank=4), seed=0))
    batch = prior_batch()
    objective = AdapterMatching(model, RELEASES["V3.2"], NoiseLevels("shift", 5.0))
    with torch.no_grad(), acting(model, adapters):
        usual = objective(adapters, batch, torch.Generator())[0]
        other = replace(objective, **more)(adapters, batch, torch.Generator())[0]
    assert float(other / usual) == pytest.approx(times, rel=1e-4)
