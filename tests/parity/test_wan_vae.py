"""The causal VAE against diffusers' AutoencoderKLWan on small random weights, Wan2.1's and Wan2.2's forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.domain.keymap import to_ours
from comfyui_anisora.anisora_core.families.wan.config import DEBUG_VAE
from comfyui_anisora.anisora_core.families.wan.keymaps import (
    WAN21_VAE_FROM_DIFFUSERS,
    WAN22_VAE_FROM_DIFFUSERS,
)
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE

WAN21_SMALL = replace(DEBUG_VAE, num_res_blocks=2)
WAN22_SMALL = replace(WAN21_SMALL, residual_shortcuts=True, front=2, decoder_dim=12)


def theirs_for(config):
    from diffusers import AutoencoderKLWan

    temporal = [stride[0] == 2 for stride in config.strides]
    model = AutoencoderKLWan(
        base_dim=config.encoder_dim,
        decoder_base_dim=config.decoder_dim,
        z_dim=config.channels,
        dim_mult=list(config.encoder_mults),
        num_res_blocks=config.num_res_blocks,
        temperal_downsample=temporal,
        is_residual=config.residual_shortcuts,
        in_channels=3 * config.front**2,
        out_channels=3 * config.front**2,
        patch_size=config.front if config.front > 1 else None,
    )
    return model.float().eval()


def ours_like(theirs, config):
    with torch.device("meta"):
        model = WanVAE(config)
    table = WAN22_VAE_FROM_DIFFUSERS if config.residual_shortcuts else WAN21_VAE_FROM_DIFFUSERS
    ours, unknown = to_ours(theirs.state_dict(), table)
    assert not unknown
    model.load_state_dict({key: value.clone() for key, value in ours.items()}, assign=True)
    return model.eval()


@pytest.mark.parametrize("config", [WAN21_SMALL, WAN22_SMALL], ids=["wan21", "wan22"])
@pytest.mark.parametrize("frames", [1, 5, 9, 17])
def test_encode_and_decode_equal_diffusers(config, frames):
    theirs = theirs_for(config)
    ours = ours_like(theirs, config)
    pixels = 8 * config.front
    video = torch.rand(1, 3, frames, 2 * pixels, 3 * pixels) * 2 - 1
    with torch.no_grad():
        latent = theirs.encode(video).latent_dist.mean
        assert (ours.encode(video).mean - latent).abs().max() < 1e-5
        difference = (ours.decode(latent).clamp(-1, 1) - theirs.decode(latent).sample).abs().max()
    assert difference < 1e-5
