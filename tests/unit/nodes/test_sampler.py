"""What the sampler's nodes read off the clip's latent."""

from __future__ import annotations

import pytest
import torch
from comfyui_anisora.anisora_core.diffusion.schedules import flow_sigmas
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.nodes.sampler import AniSoraSigmas, plan_of


@pytest.mark.parametrize(("height", "width", "shift"), [(60, 104, 3.0), (90, 160, 5.0)])
def test_shift_0_is_that_of_the_latents_size(height, width, shift):
    latent, release = {"samples": torch.zeros(1, 16, 1, height, width)}, find_release("V2")
    assert plan_of(release, 0, 0.0, "auto", latent=latent).shift == shift
    sigmas = AniSoraSigmas().list(release, 0, 0.0, "auto", latent)[0]
    assert sigmas.tolist() == pytest.approx(flow_sigmas(40, shift, start=0.999))
    assert plan_of(release, 0, 4.0, "auto", latent=latent).shift == 4.0
