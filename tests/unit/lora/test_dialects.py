"""The smallest file of each dialect of LoRA: read, applied, converted, against the dense formula; and what does not fit."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.conversion import convert
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.families import family_of_network
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.lora.apply import (
    LoraUse,
    changes_to,
    effect_on,
    live,
    merge,
    shapes_of,
    unmerge,
)
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from lora_dialects import CONV, LINEAR, RANK, all_dialects


def small_wan(**more):
    torch.manual_seed(0)
    model = WanTransformer(replace(DEBUG, **more))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    return model.eval()


MODEL = small_wan()
DIALECTS = all_dialects({name: value.detach().clone() for name, value in MODEL.named_parameters()})


def output(model):
    torch.manual_seed(1)
    config = model.config
    x, text = torch.randn(1, config.in_channels, 2, 4, 4), torch.randn(1, config.text_len, config.text_dim)
    with torch.no_grad():
        return model(x, torch.tensor([500.0]), text)


def require(lora, expected):
    changes = changes_to(MODEL, [LoraUse(lora)])
    assert changes.keys() == expected.keys()
    before = merge(MODEL, changes)
    merged = output(MODEL)
    for name, value in expected.items():
        torch.testing.assert_close(MODEL.get_parameter(name).detach(), value, atol=1e-4, rtol=1e-4)
    unmerge(MODEL, before)
    with live(MODEL, changes):
        torch.testing.assert_close(output(MODEL), merged, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_does_what_the_dense_formula_says(tmp_path, dialect):
    save_file(dialect.tensors, tmp_path / "style.safetensors", metadata=dialect.header)
    lora = read_lora(tmp_path / "style.safetensors")
    assert not lora.unmatched
    require(lora, dialect.expected)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("form", ["comfyui", "kohya"])
def test_a_converted_dialect_does_the_same(tmp_path, dialect, form):
    save_file(dialect.tensors, tmp_path / "style.safetensors", metadata=dialect.header)
    convert(tmp_path / "style.safetensors", form, tmp_path / "other.safetensors")
    require(read_lora(tmp_path / "other.safetensors"), dialect.expected)


def test_all_files_together_are_small():
    assert sum(t.numel() * t.element_size() for d in DIALECTS for t in d.tensors.values()) < 200_000


def test_what_is_under_two_names_is_said(tmp_path):
    dialect = next(dialect for dialect in DIALECTS if dialect.name == "two names")
    save_file(dialect.tensors, tmp_path / "style.safetensors")
    assert f"under two names, both act: {LINEAR}.weight" in str(read_lora(tmp_path / "style.safetensors"))


def test_two_magnitudes_of_one_layer_are_refused(tmp_path):
    content = {}
    for module in (f"diffusion_model.{LINEAR}", "lora_unet_blocks_0_ffn_0"):
        content |= {
            f"{module}.lora_down.weight": torch.rand(RANK, 48),
            f"{module}.lora_up.weight": torch.rand(64, RANK),
            f"{module}.dora_scale": torch.rand(64, 1),
        }
    save_file(content, tmp_path / "style.safetensors")
    with pytest.raises(
        ValueError, match=rf"style.*{LINEAR}\.weight is changed under two names .* remove one"
    ):
        read_lora(tmp_path / "style.safetensors")


@pytest.mark.parametrize("value", ["x", "nan", "1e999"])
def test_an_alpha_in_the_header_that_is_no_number_is_refused(tmp_path, value):
    dialect = DIALECTS[0]
    save_file(dialect.tensors, tmp_path / "style.safetensors", metadata={"network_alpha": value})
    with pytest.raises(ValueError, match=r"style\.safetensors: .*alpha .* is not a number"):
        read_lora(tmp_path / "style.safetensors")


def effect(lora, model=MODEL, **use):
    return effect_on(shapes_of(model), family_of_network(model), LoraUse(lora, **use))


def pair(module, out, inside, *kernel):
    return {
        f"{module}.lora_down.weight": torch.rand(2, inside, *kernel),
        f"{module}.lora_up.weight": torch.rand(out, 2, *(1 for _ in kernel)),
    }


def test_what_fits_acts_and_what_does_not_is_named(tmp_path):
    """A text-to-video LoRA whose patch embedding is of 16 channels, on a network of 36."""
    content = pair(f"diffusion_model.{LINEAR}", 64, 48)
    content |= pair(f"diffusion_model.{CONV}", 48, 16, 1, 2, 2)
    content |= {
        "diffusion_model.head.head.diff_b": torch.rand(7),
        "diffusion_model.extra.alpha": torch.rand(()),
    }
    save_file(content, tmp_path / "style.safetensors")
    lora = read_lora(tmp_path / "style.safetensors")
    down, up = (content[f"diffusion_model.{LINEAR}.lora_{name}.weight"] for name in ("down", "up"))
    weight = MODEL.get_parameter(f"{LINEAR}.weight").detach()
    require(lora, {f"{LINEAR}.weight": weight + up @ down})
    assert str(effect(lora)) == (
        "style.safetensors: 1 of 3 weights changed; of another shape than in this model: "
        f"head.head.bias, {CONV}.weight; unknown keys 1: diffusion_model.extra.alpha"
    )


def test_the_report_counts_what_acts(tmp_path):
    """A LoRA for networks with an image branch and more blocks, on one without."""
    content = pair("diffusion_model.blocks.0.ffn.0", 64, 48) | pair("diffusion_model.blocks.1.ffn.0", 64, 48)
    content |= pair("diffusion_model.blocks.0.cross_attn.k_img", 48, 48)
    content |= pair("diffusion_model.blocks.31.ffn.0", 64, 48)
    save_file(content, tmp_path / "style.safetensors")
    lora = read_lora(tmp_path / "style.safetensors")
    assert str(effect(lora)) == (
        "style.safetensors: 2 of 4 weights changed; "
        "not in this model: blocks.0.cross_attn.k_img.weight, blocks.31.ffn.0.weight; unknown keys 0"
    )
    assert str(effect(lora, blocks={1: 0.0})).startswith(
        "style.safetensors: 1 of 4 weights changed; at strength 0: 1; not in this model"
    )
    assert "3 of 4 weights changed; not in this model: blocks.31" in str(
        effect(lora, small_wan(has_image_branch=True))
    )
