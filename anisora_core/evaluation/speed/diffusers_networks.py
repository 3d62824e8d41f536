"""diffusers' networks of our configurations with random weights, and ours with the same weights."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from ...domain.keymap import Table, to_ours
from ...families.cogvideox.config import CogVideoXConfig, CogVideoXVAEConfig
from ...families.cogvideox.keymaps import COGVIDEOX_FROM_DIFFUSERS, COGVIDEOX_VAE_FROM_DIFFUSERS
from ...families.cogvideox.transformer import CogVideoXTransformer
from ...families.cogvideox.vae import CogVideoXVAE
from ...families.wan.config import WanConfig, WanVAEConfig
from ...families.wan.keymaps import (
    WAN21_VAE_FROM_DIFFUSERS,
    WAN22_VAE_FROM_DIFFUSERS,
    WAN_FROM_DIFFUSERS,
)
from ...families.wan.transformer import WanTransformer
from ...families.wan.vae import WanVAE

#: Of the names in diffusers, by our network and whether its levels have shortcuts of their own, as Wan2.2's VAE.
TABLES: dict[tuple[Any, bool], Table] = {
    (WanTransformer, False): WAN_FROM_DIFFUSERS,
    (WanVAE, False): WAN21_VAE_FROM_DIFFUSERS,
    (WanVAE, True): WAN22_VAE_FROM_DIFFUSERS,
    (CogVideoXTransformer, False): COGVIDEOX_FROM_DIFFUSERS,
    (CogVideoXVAE, False): COGVIDEOX_VAE_FROM_DIFFUSERS,
}


def _diffusers(name: str) -> Any:
    """Imported when it is asked for, as it takes seconds; its constructors' types are narrower than what they take."""
    return getattr(import_module("diffusers"), name)


def diffusers_wan(config: WanConfig) -> Any:
    """Its text must have 512 rows where there is an image branch: diffusers splits off that many, whatever the configuration."""
    return _diffusers("WanTransformer3DModel")(
        patch_size=config.patch_size,
        num_attention_heads=config.num_heads,
        attention_head_dim=config.head_dim,
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        text_dim=config.text_dim,
        freq_dim=config.freq_dim,
        ffn_dim=config.ffn_dim,
        num_layers=config.num_layers,
        cross_attn_norm=True,
        eps=config.eps,
        image_dim=config.image_dim if config.has_image_branch else None,
        added_kv_proj_dim=config.dim if config.has_image_branch else None,
        rope_max_seq_len=1024,
    )


def diffusers_wan_vae(config: WanVAEConfig) -> Any:
    return _diffusers("AutoencoderKLWan")(
        base_dim=config.encoder_dim,
        decoder_base_dim=config.decoder_dim,
        z_dim=config.channels,
        dim_mult=list(config.encoder_mults),
        num_res_blocks=config.num_res_blocks,
        temperal_downsample=[stride[0] == 2 for stride in config.strides],
        is_residual=config.residual_shortcuts,
        in_channels=3 * config.front**2,
        out_channels=3 * config.front**2,
        patch_size=config.front if config.front > 1 else None,
    )


def diffusers_cogvideox(config: CogVideoXConfig) -> Any:
    model = _diffusers("CogVideoXTransformer3DModel")(
        num_attention_heads=config.num_heads,
        attention_head_dim=config.head_dim,
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        time_embed_dim=config.time_dim,
        text_embed_dim=config.text_dim,
        num_layers=config.num_layers,
        max_text_seq_length=config.text_len,
        use_rotary_positional_embeddings=True,
    )
    for block in model.transformer_blocks:  # diffusers fixes the ratio at four
        block.ff.net[0].proj = nn.Linear(config.dim, config.ffn_dim)
        block.ff.net[2] = nn.Linear(config.ffn_dim, config.dim)
    model.norm_out.norm.eps = config.inner_eps  # SAT's, which diffusers' constructor does not take
    return model


def diffusers_cogvideox_vae(config: CogVideoXVAEConfig) -> Any:
    levels = len(config.mults)
    model = _diffusers("AutoencoderKLCogVideoX")(
        down_block_types=("CogVideoXDownBlock3D",) * levels,
        up_block_types=("CogVideoXUpBlock3D",) * levels,
        block_out_channels=tuple(config.dim * mult for mult in config.mults),
        layers_per_block=config.num_res_blocks,
        latent_channels=config.channels,
        norm_num_groups=config.groups,
        scaling_factor=config.scale,
    )
    model.num_sample_frames_batch_size = 10**6  # encode whole, as AniSora's code does
    return model


def randomised(theirs: Any, std: float, shift: float = 0.0) -> Any:
    """Every weight drawn anew; those of one dimension around `shift`."""
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) * std + (shift if parameter.ndim == 1 else 0.0))
    return theirs.float().eval()


def ours_like(theirs: Any, network: Any, config: Any) -> Any:
    """Our network of that class and configuration with copies of the weights of theirs."""
    with torch.device("meta"):
        model = network(config)
    weights, unknown = to_ours(
        theirs.state_dict(), TABLES[network, getattr(config, "residual_shortcuts", False)]
    )
    if unknown:
        raise ValueError(f"no name of ours for {', '.join(unknown)}")
    model.load_state_dict({name: value.clone() for name, value in weights.items()}, assign=True)
    return model.eval()


def run_wan(
    model: Any, x_BCTHW: Tensor, timestep: Tensor, text_BLD: Tensor, image_BLD: Tensor | None
) -> Tensor:
    return model(x_BCTHW, timestep, text_BLD, encoder_hidden_states_image=image_BLD, return_dict=False)[0]


def run_cogvideox(model: Any, x_BCTHW: Tensor, timestep: Tensor, text_BLD: Tensor) -> Tensor:
    from diffusers.models.embeddings import get_3d_rotary_pos_embed

    frames, height, width = x_BCTHW.shape[2], x_BCTHW.shape[3] // 2, x_BCTHW.shape[4] // 2
    rotary = get_3d_rotary_pos_embed(  # raw integers, as the authors' code has them
        model.config.attention_head_dim, ((0, 0), (height, width)), (height, width), frames
    )
    rotary = tuple(part.to(x_BCTHW.device) for part in rotary)
    out = model(x_BCTHW.transpose(1, 2), text_BLD, timestep, image_rotary_emb=rotary, return_dict=False)[0]
    return out.transpose(1, 2)
