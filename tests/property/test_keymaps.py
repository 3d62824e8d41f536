"""Every table of names is a bijection on the published networks: what is renamed and renamed back is itself."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.domain.keymap import our_shapes, theirs_of, to_ours, to_theirs
from comfyui_anisora.anisora_core.encoders.keymaps import CLIP_FROM_WAN, T5_FROM_GGUF, UMT5_FROM_WAN
from comfyui_anisora.anisora_core.families.cogvideox.keymaps import (
    COGVIDEOX_FROM_COMFY,
    COGVIDEOX_FROM_DIFFUSERS,
    COGVIDEOX_FROM_SAT,
    COGVIDEOX_SAT_IGNORED,
    COGVIDEOX_VAE_FROM_DIFFUSERS,
)
from comfyui_anisora.anisora_core.families.wan.config import WAN22_VAE
from comfyui_anisora.anisora_core.families.wan.keymaps import (
    WAN21_VAE_FROM_DIFFUSERS,
    WAN22_VAE_FROM_DIFFUSERS,
    WAN_FROM_DIFFUSERS,
)
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE
from hypothesis import given, settings
from hypothesis import strategies as st

MANIFESTS = Path(__file__).parents[1] / "data" / "manifests"
SAT = ("v1_transformer_sat_infer720_49f_lpe", "model.diffusion_model.", COGVIDEOX_FROM_SAT)
#: name -> (table, where names come from: manifest, its prefix, the table that makes them ours)
TABLES = {
    "Wan with image branch": (WAN_FROM_DIFFUSERS, ("v2_wan21_i2v_14B_dit", "", None)),
    "Wan": (WAN_FROM_DIFFUSERS, ("v3_2_wan22_i2v_A14B_dit", "", None)),
    "Wan 2.1 VAE": (WAN21_VAE_FROM_DIFFUSERS, ("wan21_vae", "", None)),
    "Wan 2.2 VAE": (WAN22_VAE_FROM_DIFFUSERS, None),
    "CogVideoX, SAT": (COGVIDEOX_FROM_SAT, SAT),
    "CogVideoX, diffusers": (COGVIDEOX_FROM_DIFFUSERS, SAT),
    "CogVideoX, ComfyUI": (COGVIDEOX_FROM_COMFY, SAT),
    "CogVideoX VAE": (COGVIDEOX_VAE_FROM_DIFFUSERS, ("v1_vae_sat", "", None)),
    "umT5, Wan": (UMT5_FROM_WAN, ("umt5_xxl_encoder", "", UMT5_FROM_WAN)),
    "umT5, GGUF": (T5_FROM_GGUF, ("umt5_xxl_encoder", "", UMT5_FROM_WAN)),
    "CLIP": (CLIP_FROM_WAN, ("clip_xlm_roberta_vit_h_14_visual", "visual.", CLIP_FROM_WAN)),
}


@cache
def our_names(name: str) -> tuple[str, ...]:
    """Of all the network's tensors."""
    source = TABLES[name][1]
    if source is None:
        with torch.device("meta"):
            return tuple(WanVAE(WAN22_VAE).state_dict())
    manifest, prefix, table = source
    shapes = json.loads(gzip.decompress((MANIFESTS / f"{manifest}.json.gz").read_bytes()))
    stripped = {key.removeprefix(prefix): tuple(shape) for key, shape in shapes.items()}
    kept = {key: shape for key, shape in stripped.items() if not key.startswith(COGVIDEOX_SAT_IGNORED)}
    return tuple(our_shapes(kept, table)[0])


@cache
def together(name: str) -> tuple[tuple[str, ...], ...]:
    """Our names by the foreign tensor they lie in."""
    groups: dict[str, list[str]] = {}
    for ours in our_names(name):
        groups.setdefault(theirs_of(ours, TABLES[name][0])[0], []).append(ours)
    return tuple(map(tuple, groups.values()))


@pytest.mark.parametrize("name", TABLES)
@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_renaming_there_and_back_is_the_identity(name, data):
    chosen = data.draw(st.sets(st.sampled_from(together(name)), min_size=1, max_size=30))
    ours = {key: torch.randn(12, 2) for group in sorted(chosen) for key in group}
    theirs = to_theirs(ours, TABLES[name][0])
    assert len(theirs) == len(chosen)
    back, unknown = to_ours(theirs, TABLES[name][0])
    assert not unknown
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[key], value) for key, value in ours.items())


@pytest.mark.parametrize("name", TABLES)
def test_no_two_tensors_share_a_foreign_name(name):
    """Whatever the order: each foreign name leads back to exactly the tensors that lie in it."""
    table = TABLES[name][0]
    ours = {key: torch.zeros(12, 2) for key in our_names(name)}
    theirs = to_theirs(ours, table)
    assert len(theirs) == len(together(name))
    back, unknown = to_ours(theirs, table)
    assert not unknown
    assert back.keys() == ours.keys()


def test_a_foreign_tensor_with_a_part_missing_is_not_made():
    with pytest.raises(KeyError, match="query_key_value"):
        to_theirs({"blocks.0.attn.q.weight": torch.zeros(4, 4)}, COGVIDEOX_FROM_SAT)
