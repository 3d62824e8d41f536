"""The causal VAE against diffusers' AutoencoderKLWan on small random weights, Wan2.1's and Wan2.2's forms."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.models.wan.config import DEBUG_VAE
from comfyui_anisora.anisora_core.models.wan.vae import WanVAE

WAN22_SMALL = replace(DEBUG_VAE, residual_shortcuts=True, front=2, decoder_dim=12, num_res_blocks=2)
INNER = {"norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6"}
OUTER = {
    r"^quant_conv": "conv1",
    r"^post_quant_conv": "conv2",
    r"\.conv_in\.": ".conv1.",
    r"\.norm_out\.": ".head.0.",
    r"\.conv_out\.": ".head.2.",
    r"mid_block\.attentions\.0": "middle.1",
    r"mid_block\.resnets\.0": "middle.0",
    r"mid_block\.resnets\.1": "middle.2",
    r"\.conv_shortcut\.": ".shortcut.",
}


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


def our_name(key: str, config) -> str:
    for pattern, target in OUTER.items():
        key = re.sub(pattern, target, key)
    key = (
        re.sub(r"\.(norm1|conv1|norm2|conv2)\.", lambda m: f".{INNER[m[1]]}.", key)
        if "block" in key or "middle" in key
        else key
    )
    blocks = config.num_res_blocks
    if config.residual_shortcuts:
        key = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"downsamples.\1.downsamples.\2", key)
        key = re.sub(r"down_blocks\.(\d+)\.downsampler", rf"downsamples.\1.downsamples.{blocks}", key)
        key = re.sub(r"up_blocks\.(\d+)\.resnets\.(\d+)", r"upsamples.\1.upsamples.\2", key)
        return re.sub(r"up_blocks\.(\d+)\.upsampler", rf"upsamples.\1.upsamples.{blocks + 1}", key)
    key = re.sub(r"down_blocks\.(\d+)", r"downsamples.\1", key)
    per_level = blocks + 2
    key = re.sub(
        r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"upsamples.{int(m[1]) * per_level + int(m[2])}", key
    )
    return re.sub(
        r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"upsamples.{int(m[1]) * per_level + blocks + 1}", key
    )


def ours_like(theirs, config):
    with torch.device("meta"):
        model = WanVAE(config)
    model.load_state_dict(
        {our_name(key, config): value.clone() for key, value in theirs.state_dict().items()}, assign=True
    )
    return model.eval()


@pytest.mark.parametrize("config", [DEBUG_VAE, WAN22_SMALL], ids=["wan21", "wan22"])
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
