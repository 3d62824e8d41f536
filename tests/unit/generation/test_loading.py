"""Files of the right kind for another release: refused by name before a step is made."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.domain.conditions import Guide
from comfyui_anisora.anisora_core.domain.keymap import to_theirs
from comfyui_anisora.anisora_core.encoders.clip import clip_vision
from comfyui_anisora.anisora_core.encoders.t5 import t5_encoder
from comfyui_anisora.anisora_core.families.cogvideox.keymaps import COGVIDEOX_FROM_SAT
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.families.wan.config import WAN22_VAE
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE
from comfyui_anisora.anisora_core.generation.loading import (
    ASSETS,
    load_text,
    load_transformer,
    load_vae,
    releases_for,
)
from comfyui_anisora.anisora_core.generation.sampling import conditioned
from comfyui_anisora.anisora_core.releases import RELEASES
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from tiny_models import CLIP, T5, V1, WAN, random_weights, write_tokenizer

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("release", "network", "table"),
    [
        ("V3.2", WanTransformer(replace(WAN, has_image_branch=False, in_channels=16)), None),
        ("V1", CogVideoXTransformer(replace(V1, in_channels=16)), COGVIDEOX_FROM_SAT),
    ],
    ids=["Wan", "CogVideoX"],
)
def test_a_text_to_video_transformer_is_refused(tmp_path, release, network, table):
    content, file = random_weights(network, 0), tmp_path / "t2v.safetensors"
    save_file(to_theirs(content, table) if table else content, file)
    files = dict.fromkeys(("transformer", "high_noise", "low_noise"), file)
    with pytest.raises(ValueError, match=rf"t2v\.safetensors is not one of release {release}; pick a trans"):
        load_transformer(RELEASES[release], files, torch.float32, CPU).high()


@pytest.mark.parametrize(
    ("network", "table", "releases"),
    [
        (WanTransformer(WAN), None, ["V2", "V3", "V3.1", "anymask"]),
        (WanTransformer(replace(WAN, has_image_branch=False)), None, ["V3.2"]),
        (CogVideoXTransformer(V1), COGVIDEOX_FROM_SAT, ["V1", "V1-RL"]),
        (WanTransformer(replace(WAN, in_channels=16)), None, []),
        (clip_vision(CLIP), None, []),
    ],
)
def test_a_file_suggests_its_releases(tmp_path, network, table, releases):
    content, file = random_weights(network, 0), tmp_path / "x.safetensors"
    save_file(to_theirs(content, table) if table else content, file)
    assert releases_for(file) == releases
    assert releases_for(ASSETS / "mini" / "transformer.safetensors") == ["mini"]


def test_the_vae_of_wan_2_2_is_refused_for_v3_2(tmp_path):
    small = WanVAE(replace(WAN22_VAE, encoder_dim=8, decoder_dim=8))
    save_file(random_weights(small, 0), tmp_path / "wan2.2_vae.safetensors")
    with pytest.raises(
        ValueError, match=r"wan2\.2_vae\.safetensors is not the VAE of release V3\.2; pick Wan"
    ):
        load_vae(RELEASES["V3.2"], {"vae": tmp_path / "wan2.2_vae.safetensors"}, torch.float32, CPU)


@pytest.mark.parametrize(
    ("release", "is_umt5", "words"),
    [("V1", True, r"is a umT5 \(for Wan\); pick a T5"), ("V3.1", False, r"is a T5 \(for V1\); pick")],
)
def test_the_text_encoder_of_the_other_family_is_refused(tmp_path, release, is_umt5, words):
    encoder = random_weights(t5_encoder(replace(T5, bias_in_every_block=is_umt5)), 0)
    encoder.pop("encoder.embed_tokens.weight", None)
    save_file(encoder, tmp_path / "t5.safetensors")
    write_tokenizer(tmp_path)
    with pytest.raises(ValueError, match=words):
        load_text(RELEASES[release], {"text_encoder": tmp_path / "t5.safetensors"}, torch.float32)


@pytest.mark.parametrize(("name", "text", "image"), [("text", 12, 80), ("image", 20, 64)])
def test_features_of_an_encoder_of_another_size_are_named(name, text, image):
    guide = Guide(torch.zeros(1, 16, 2, 4, 4), torch.zeros(1, 4, 2, 4, 4), None, ())
    with pytest.raises(ValueError, match=rf"{name} features are {text if name == 'text' else image} wide"):
        conditioned(WanTransformer(WAN), guide, torch.zeros(1, 9, text), torch.zeros(1, 5, image))
