"""Noise levels: how often each is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from comfyui_anisora.anisora_core.generation.plan import plan_sampling
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from comfyui_anisora.anisora_core.training.lora.stages import stages_of
from comfyui_anisora.anisora_core.training.noise_levels import NoiseLevels


@pytest.mark.parametrize("sampling", ["uniform", "logit_normal", "shift"])
def test_noise_levels_fill_their_range_and_experts_share_the_whole(sampling):
    whole = NoiseLevels(sampling, 5.0)
    drawn = np.array([whole((i + 0.5) / 4000) for i in range(4000)])
    assert 0.0 <= drawn.min() < 0.05 < 0.95 < drawn.max() <= 1.0
    assert (np.diff(drawn) >= 0).all()
    high = np.array([replace(whole, low=0.9)((i + 0.5) / 1000) for i in range(1000)])
    assert high.min() == pytest.approx(0.9, abs=1e-3)
    assert np.median(high) == pytest.approx(np.median(drawn[drawn >= 0.9]), abs=2e-3)


@pytest.mark.parametrize("name", [name for name, release in RELEASES.items() if release.family == "wan"])
def test_levels_of_the_sampler_are_its_own_and_experts_share_them(name):
    recipe = LoraRecipe(release=name).changed(timestep_sampling="sampler")
    drawn = [
        {recipe.levels(stage.low, stage.high)((i + 0.5) / 400) for i in range(400)}
        for stage in stages_of(recipe)
    ]
    sampled = plan_sampling(RELEASES[name]).sigmas[:-1]
    assert sorted(sigma for part in drawn for sigma in part) == sorted(sampled)


def test_an_expert_without_a_level_of_the_sampler_is_told():
    recipe = LoraRecipe(release="V3.2").changed(timestep_sampling="sampler", shift=100.0)
    with pytest.raises(
        ValueError, match=r"^timestep_sampling sampler: none of its noise levels is in 0\.0\.\.0\.9"
    ):
        recipe.levels(0.0, 0.9)(0.5)
