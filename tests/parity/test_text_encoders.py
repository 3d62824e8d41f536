"""T5 encoders from every layout artists have, against transformers' own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import load_network
from comfyui_anisora.anisora_core.encoders.keymaps import T5_FROM_GGUF, UMT5_FROM_WAN
from comfyui_anisora.anisora_core.encoders.t5 import T5Shape
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[1]))
from tiny_models import named_by, random_t5

T5 = T5Shape(vocabulary=40, dim=16, ffn_dim=24, num_layers=2, num_heads=2, head_dim=6)
UMT5 = replace(T5, bias_in_every_block=True)


def features(model):
    ids, mask = (
        torch.tensor([[3, 9, 4, 1, 0], [7, 1, 0, 0, 0]]),
        torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]),
    )
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).last_hidden_state


@pytest.mark.parametrize(("shape", "table"), [(UMT5, UMT5_FROM_WAN), (T5, None), (UMT5, None)])
def test_every_layout_gives_the_same_features(tmp_path, shape, table):
    model = random_t5(shape)
    weights = named_by(model, table)
    if table is None:  # as ComfyUI distributes it: the embedding twice, the tokenizer as bytes
        weights["encoder.embed_tokens.weight"] = weights["shared.weight"].clone()
        weights["spiece_model"] = torch.zeros(9, dtype=torch.uint8)
    save_file(weights, tmp_path / "t5.safetensors")
    loaded, fit = load_network(tmp_path / "t5.safetensors", torch.float32)
    assert fit.is_whole
    assert type(loaded) is type(model)
    assert (features(loaded) - features(model)).abs().max() < 1e-5


def test_wans_own_pickle_loads(tmp_path):
    model = random_t5(UMT5)
    torch.save(named_by(model, UMT5_FROM_WAN), tmp_path / "models_t5_umt5-xxl-enc-bf16.pth")
    loaded, _ = load_network(tmp_path / "models_t5_umt5-xxl-enc-bf16.pth", torch.float32)
    assert torch.equal(features(loaded), features(model))


def test_every_gguf_name_is_a_name_of_the_encoder():
    names = named_by(random_t5(UMT5), T5_FROM_GGUF)
    assert "enc.blk.1.attn_rel_b.weight" in names
    assert "enc.output_norm.weight" in names
