"""Every published network is recognised as one family, by its names alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.detect import PREFIXES, families_of
from comfyui_anisora.anisora_core.checkpoints.keymaps import to_theirs
from comfyui_anisora.anisora_core.checkpoints.keymaps.cogvideox import COGVIDEOX_FROM_COMFY
from comfyui_anisora.anisora_core.checkpoints.keymaps.wan_diffusers import (
    WAN21_VAE_FROM_DIFFUSERS,
    WAN22_VAE_FROM_DIFFUSERS,
    WAN_FROM_DIFFUSERS,
)
from comfyui_anisora.anisora_core.models.cogvideox.config import DEBUG as COG
from comfyui_anisora.anisora_core.models.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.models.wan.config import DEBUG, WAN21_VAE, WAN22_VAE
from comfyui_anisora.anisora_core.models.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.models.wan.vae import WanVAE

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


@pytest.mark.parametrize("name", sorted(p.name.removesuffix(".json.gz") for p in MANIFESTS.iterdir()))
def test_a_published_network_fits_exactly_one_family_under_one_prefix(name):
    names = json.loads(gzip.decompress((MANIFESTS / f"{name}.json.gz").read_bytes())).keys()
    inside = [{n.removeprefix(prefix) for n in names if n.startswith(prefix)} for prefix in PREFIXES]
    assert [f.name for part in inside for f in families_of(part)] == [EXPECTED[name]]


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
    assert [found.name for found in families_of(theirs)] == [family]
