"""Every published network is recognised as one family, by its names alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from comfyui_anisora.anisora_core.checkpoints.detect import PREFIXES, families_of

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
