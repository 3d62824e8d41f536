"""The causal VAE against diffusers' AutoencoderKLWan on small random weights, Wan2.1's and Wan2.2's forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.speed.diffusers_networks import diffusers_wan_vae, ours_like
from comfyui_anisora.anisora_core.families.wan.config import DEBUG_VAE
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE

WAN21_SMALL = replace(DEBUG_VAE, num_res_blocks=2)
WAN22_SMALL = replace(WAN21_SMALL, residual_shortcuts=True, front=2, decoder_dim=12)


@pytest.mark.parametrize("config", [WAN21_SMALL, WAN22_SMALL], ids=["wan21", "wan22"])
@pytest.mark.parametrize("frames", [1, 5, 9, 17])
def test_encode_and_decode_equal_diffusers(config, frames):
    theirs = diffusers_wan_vae(config).float().eval()
    ours = ours_like(theirs, WanVAE, config)
    pixels = 8 * config.front
    video = torch.rand(1, 3, frames, 2 * pixels, 3 * pixels) * 2 - 1
    with torch.no_grad():
        latent = theirs.encode(video).latent_dist.mean
        assert (ours.encode(video).mean - latent).abs().max() < 1e-5
        difference = (ours.decode(latent).clamp(-1, 1) - theirs.decode(latent).sample).abs().max()
    assert difference < 1e-5
