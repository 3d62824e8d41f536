"""Every published network is recognised as one family, by its names alone, and no other model as any."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.detect import PREFIXES, kinds_of
from comfyui_anisora.anisora_core.domain.keymap import to_theirs
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG as COG
from comfyui_anisora.anisora_core.families.cogvideox.keymaps import COGVIDEOX_FROM_COMFY
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.families.wan.config import DEBUG, WAN21_VAE, WAN22_VAE
from comfyui_anisora.anisora_core.families.wan.keymaps import (
    WAN21_VAE_FROM_DIFFUSERS,
    WAN22_VAE_FROM_DIFFUSERS,
    WAN_FROM_DIFFUSERS,
)
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE
from hypothesis import given, settings
from hypothesis import strategies as st

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"
EXPECTED = {
    "anymask_dit": "Wan transformer with image branch",
    "anymask_i2v_1_3B_dit": "Wan transformer with image branch",
    "v2_wan21_i2v_14B_dit": "Wan transformer with image branch",
    "v3_2_wan22_i2v_A14B_dit": "Wan transformer",
    "wan21_vae": "Wan VAE",
    "v1_transformer_sat_infer720_97f": "CogVideoX transformer (SAT)",
    "v1_transformer_sat_infer720_49f_lpe": "CogVideoX transformer (SAT)",
    "v1_rl_transformer_sat_config": "CogVideoX transformer (SAT)",
    "v1_transformer_diffusers": "CogVideoX transformer (diffusers)",
    "v1_vae_sat": "CogVideoX VAE (SAT)",
    "umt5_xxl_encoder": "umT5 encoder (Wan)",
    "clip_xlm_roberta_vit_h_14_full": "CLIP image encoder (Wan)",
    "clip_xlm_roberta_vit_h_14_visual": "CLIP image encoder (Wan)",
    "v1_vae_diffusers": "CogVideoX VAE (diffusers)",
}


def manifest(name):
    return json.loads(gzip.decompress((MANIFESTS / f"{name}.json.gz").read_bytes()))


@pytest.mark.parametrize("name", sorted(p.name.removesuffix(".json.gz") for p in MANIFESTS.iterdir()))
def test_a_published_network_fits_exactly_one_family_under_one_prefix(name):
    names = manifest(name)
    inside = [{n.removeprefix(prefix) for n in names if n.startswith(prefix)} for prefix in PREFIXES]
    assert [f.name for part in inside for f in kinds_of(part)] == [EXPECTED[name]]


#: Names as other models' files have them.
OTHERS = {
    "Flux": ("double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight", "img_in.weight"),
    "Flux (diffusers)": ("transformer_blocks.0.attn.to_q.weight", "single_transformer_blocks.0.attn.to_q.weight"),
    "Hunyuan Video": ("double_blocks.0.img_mod.linear.weight", "txt_in.individual_token_refiner.blocks.0.norm1.weight"),
    "LTX Video": ("patchify_proj.weight", "transformer_blocks.0.attn1.to_q.weight", "scale_shift_table"),
    "Mochi": ("blocks.0.attn.qkv_x.weight", "x_embedder.proj.weight", "t_embedder.mlp.0.weight"),
    "Stable Diffusion": ("input_blocks.0.0.weight", "middle_block.1.proj_in.weight", "out.2.weight"),
    "Stable Diffusion (diffusers)": ("conv_in.weight", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"),
    "Stable Diffusion 3": ("joint_blocks.0.x_block.attn.qkv.weight", "x_embedder.proj.weight"),
    "Stable Diffusion VAE": ("encoder.down.0.block.0.norm1.weight", "decoder.mid.attn_1.q.weight", "quant_conv.weight"),
    "Stable Diffusion VAE (diffusers)": ("encoder.mid_block.resnets.0.norm1.weight", "decoder.mid_block.attentions.0.to_q.weight"),
    "CLIP text encoder": ("text_model.encoder.layers.0.self_attn.q_proj.weight", "text_projection.weight"),
    "Llama": ("embed_tokens.weight", "layers.0.self_attn.q_proj.weight", "norm.weight", "lm_head.weight"),
    "Llama (GGUF)": ("token_embd.weight", "blk.0.attn_q.weight", "output_norm.weight"),
    "RAFT": ("fnet.conv1.weight", "update_block.gru.convz1.weight"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_another_model_fits_no_family_under_any_prefix(name):
    for before in PREFIXES:
        names = {before + key for key in OTHERS[name]}
        for prefix in PREFIXES:
            inside = {key.removeprefix(prefix) for key in names if key.startswith(prefix)}
            assert not kinds_of(inside), (before, prefix)


@settings(deadline=None)
@given(st.sets(st.text("abcdefgh_.0123456789", max_size=40), max_size=20))
def test_names_of_no_model_fit_no_family(names):
    assert not kinds_of(names)


@pytest.mark.parametrize("name", EXPECTED)
def test_without_a_telling_name_a_published_network_is_not_taken_for_its_family(name):
    names = set(manifest(name))
    (prefix, family), *_ = (
        (prefix, family)
        for prefix in PREFIXES
        for family in kinds_of({n.removeprefix(prefix) for n in names if n.startswith(prefix)})
    )
    for telling in family.has:
        rest = {n.removeprefix(prefix) for n in names - {prefix + telling} if n.startswith(prefix)}
        assert family not in kinds_of(rest)


@pytest.mark.parametrize(
    ("network", "config", "table", "family"),
    [
        (WanTransformer, DEBUG, WAN_FROM_DIFFUSERS, "Wan transformer (diffusers)"),
        (WanVAE, WAN21_VAE, WAN21_VAE_FROM_DIFFUSERS, "Wan VAE (diffusers)"),
        (WanVAE, WAN22_VAE, WAN22_VAE_FROM_DIFFUSERS, "Wan 2.2 VAE (diffusers)"),
        (CogVideoXTransformer, COG, COGVIDEOX_FROM_COMFY, "CogVideoX transformer (ComfyUI)"),
    ],
)
def test_a_network_under_foreign_names_fits_exactly_one_family(network, config, table, family):
    with torch.device("meta"):
        theirs = to_theirs(network(config).state_dict(), table)
    assert [found.name for found in kinds_of(theirs)] == [family]
