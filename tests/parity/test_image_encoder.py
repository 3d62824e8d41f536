"""CLIP's vision tower from both layouts against transformers' own."""

from __future__ import annotations

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import load_network
from comfyui_anisora.anisora_core.domain.keymap import to_theirs
from comfyui_anisora.anisora_core.encoders.clip import ClipShape, clip_features, clip_vision
from comfyui_anisora.anisora_core.encoders.keymaps import CLIP_FROM_WAN
from safetensors.torch import save_file

SMALL = ClipShape(dim=160, ffn_dim=64, num_layers=3, num_heads=2, patch=14, tokens=257)


@pytest.fixture(scope="module")
def tower():
    torch.manual_seed(0)
    model = clip_vision(SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    return model.eval()


def parameters(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.mark.parametrize("layout", ["wan", "transformers"])
def test_every_layout_gives_the_same_features(tmp_path, tower, layout):
    if layout == "wan":
        content = {f"visual.{k}": v for k, v in to_theirs(parameters(tower), CLIP_FROM_WAN).items()}
        content |= {"visual.head": torch.zeros(2, 2), "textual.token_embedding.weight": torch.zeros(2, 2)}
    else:
        content = {f"vision_model.{k}": v for k, v in parameters(tower).items()}
        content["visual_projection.weight"] = torch.zeros(2, 2)
    save_file({k: v.contiguous() for k, v in content.items()}, tmp_path / "clip.safetensors")
    loaded, fit = load_network(tmp_path / "clip.safetensors", torch.float32)
    assert fit.is_whole
    picture = torch.rand(1, 60, 90, 3)
    assert (clip_features(loaded, picture) - clip_features(tower, picture)).abs().max() < 1e-5


def test_features_are_those_before_the_last_block(tower):
    picture = torch.rand(2, 224, 224, 3)
    features = clip_features(tower, picture)
    assert features.shape == (2, 257, 160)
    with torch.no_grad():
        last = tower.encoder.layers[-1]
        kept = parameters(last)
        for parameter in last.parameters():
            parameter.zero_()
        again = clip_features(tower, picture)
        last.load_state_dict(kept)
    assert torch.equal(features, again)
