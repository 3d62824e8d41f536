"""Every published network at full size, on `meta`: recognised, and equal in each name and shape through the key maps both ways."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.detect import identify
from comfyui_anisora.anisora_core.checkpoints.load import fit
from comfyui_anisora.anisora_core.domain.keymap import to_theirs
from comfyui_anisora.anisora_core.domain.weights import Entry, Weights
from comfyui_anisora.anisora_core.encoders.clip import ClipShape
from comfyui_anisora.anisora_core.encoders.t5 import T5Shape
from comfyui_anisora.anisora_core.families.cogvideox.config import V1_I2V_5B, V1_VAE
from comfyui_anisora.anisora_core.families.wan.config import (
    WAN21_I2V_1_3B,
    WAN21_I2V_14B,
    WAN21_VAE,
    WAN22_I2V_A14B,
)

MANIFESTS = Path(__file__).parents[1] / "data" / "manifests"
UMT5_XXL = T5Shape(256384, 4096, 10240, 24, 64, 64, bias_in_every_block=True)
#: Manifest -> the configuration that its shapes tell, and names in it that are no weights of the network.
EXPECTED = {
    "anymask_dit": (WAN21_I2V_14B, ()),
    "anymask_i2v_1_3B_dit": (WAN21_I2V_1_3B, ()),
    "v2_wan21_i2v_14B_dit": (WAN21_I2V_14B, ()),
    "v3_2_wan22_i2v_A14B_dit": (WAN22_I2V_A14B, ()),
    "wan21_vae": (WAN21_VAE, ()),
    "v1_transformer_sat_infer720_97f": (V1_I2V_5B, ("freqs_", "position_embeddings")),
    "v1_transformer_sat_infer720_49f_lpe": (
        replace(V1_I2V_5B, learned_positions=226 + 13 * 45 * 80),
        ("freqs_", "position_embeddings"),
    ),
    "v1_rl_transformer_sat_config": (
        replace(V1_I2V_5B, learned_positions=226 + 25 * 45 * 68),
        ("freqs_", "position_embeddings"),
    ),
    "v1_transformer_diffusers": (V1_I2V_5B, ()),
    "v1_vae_sat": (V1_VAE, ()),
    "v1_vae_diffusers": (V1_VAE, ()),
    "umt5_xxl_encoder": (UMT5_XXL, ()),
    "clip_xlm_roberta_vit_h_14_visual": (ClipShape(), ("visual.head",)),
    "clip_xlm_roberta_vit_h_14_full": (ClipShape(), ("visual.head", "textual.", "log_scale")),
}


def test_there_is_a_row_for_every_manifest():
    assert EXPECTED.keys() == {path.name.removesuffix(".json.gz") for path in MANIFESTS.iterdir()}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_published_network_fits_by_every_name_and_shape_both_ways(name):
    config, beside = EXPECTED[name]
    manifest = json.loads(gzip.decompress((MANIFESTS / f"{name}.json.gz").read_bytes()))
    entries = {key: Entry(tuple(shape), "F32", lambda: torch.empty(0)) for key, shape in manifest.items()}
    found = identify(Weights(Path(name), entries))
    assert found.config() == config
    with torch.device("meta"):
        model = found.kind.network.build(found.config())
    fits = fit(model, found.weights, found.kind.table)
    assert fits.is_whole
    ours = dict(model.named_parameters())
    assert fits.matched == len(ours)
    theirs = to_theirs(ours, found.kind.table) if found.kind.table is not None else ours
    written = {found.prefix + key: list(value.shape) for key, value in theirs.items()}
    assert written == {k: shape for k, shape in manifest.items() if not any(part in k for part in beside)}
