"""LoRA files written in every form, read back and applied: the same change of the same weights."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.conversion import convert
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG as COG
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.lora.apply import merge, unmerge
from comfyui_anisora.anisora_core.lora.changes import Kronecker, LowRank, nearest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

WAN = replace(DEBUG, has_image_branch=True)
RANK = 4
LAYERS = {
    "Wan": [
        "blocks.0.self_attn.q",
        "blocks.1.cross_attn.k_img",
        "blocks.0.ffn.0",
        "blocks.1.ffn.2",
        "patch_embedding",
        "time_projection.1",
    ],
    "CogVideoX": ["blocks.0.attn.q", "blocks.0.attn.v", "blocks.1.attn.k", "blocks.1.attn.o"],
}
#: A key that the file must hold.
KEYS = {
    ("Wan", "comfyui"): "diffusion_model.blocks.1.cross_attn.k_img.lora_A.weight",
    ("Wan", "kohya"): "lora_unet_blocks_1_cross_attn_k_img.lora_down.weight",
    ("Wan", "diffusers"): "transformer.blocks.1.attn2.add_k_proj.lora_A.weight",
    ("Wan", "peft"): "base_model.model.blocks.1.cross_attn.k_img.lora_A.weight",
    ("CogVideoX", "comfyui"): "diffusion_model.blocks.1.k.lora_A.weight",
    ("CogVideoX", "kohya"): "lora_unet__transformer_blocks_1_attn1_to_k.lora_down.weight",
    ("CogVideoX", "diffusers"): "transformer.transformer_blocks.1.attn1.to_k.lora_A.weight",
    ("CogVideoX", "peft"): "base_model.model.transformer_blocks.1.attn1.to_k.lora_A.weight",
    ("CogVideoX", "sat"): "model.diffusion_model.transformer.layers.1.attention.query_key_value.matrix_A.1",
}


def network(family):
    torch.manual_seed(0)
    return (WanTransformer(WAN) if family == "Wan" else CogVideoXTransformer(COG)).eval()


def random(*shape):
    return 0.3 * torch.randn(shape)


def pairs(family, model, alpha, dtype=torch.float32):
    """Published names that are ours, so that no table of the converter makes the source."""
    content = {}
    for layer in LAYERS[family]:
        weight = model.get_submodule(layer).weight
        content[f"{layer}.lora_A.weight"] = random(RANK, *weight.shape[1:]).to(dtype)
        content[f"{layer}.lora_B.weight"] = random(weight.shape[0], RANK).to(dtype)
        if alpha is not None:
            content[f"{layer}.alpha"] = torch.tensor(alpha)
    return content


def applied(path, model):
    lora = read_lora(path)
    assert not lora.unmatched
    before = merge(model, {name: [(change, 1.0)] for name, change in lora.changes.items()})
    after = {name: model.get_parameter(name).clone() for name in before}
    unmerge(model, before)
    return after


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert (found[name] - value).abs().max() < 2e-6 * value.abs().max(), name


@pytest.mark.parametrize("alpha", [None, 1.0, 3.3], ids=["no alpha", "power of two", "odd scale"])
@pytest.mark.parametrize(("family", "form"), KEYS)
def test_every_form_changes_the_model_alike_and_goes_back(tmp_path, family, form, alpha):
    model = network(family)
    content = pairs(family, model, alpha)
    save_file(content, tmp_path / "start.safetensors")
    expected = applied(tmp_path / "start.safetensors", model)
    facts = convert(tmp_path / "start.safetensors", form, tmp_path / "there.safetensors")
    assert (facts["weights"], facts["approximated"], facts["left_out"]) == (len(LAYERS[family]), 0, 0)
    assert KEYS[family, form] in load_file(tmp_path / "there.safetensors")
    assert_close(applied(tmp_path / "there.safetensors", model), expected)
    convert(tmp_path / "there.safetensors", "comfyui", tmp_path / "back.safetensors")
    assert_close(applied(tmp_path / "back.safetensors", model), expected)


@pytest.mark.parametrize("form", ["kohya", "diffusers", "peft"])
def test_there_and_back_is_bit_identical_in_half_precision(tmp_path, form):
    content = pairs("Wan", network("Wan"), alpha=None, dtype=torch.bfloat16)
    first = {f"diffusion_model.{key}": value for key, value in content.items()}
    save_file(first, tmp_path / "start.safetensors")
    convert(tmp_path / "start.safetensors", form, tmp_path / "there.safetensors")
    convert(tmp_path / "there.safetensors", "comfyui", tmp_path / "back.safetensors")
    back = load_file(tmp_path / "back.safetensors")
    assert back.keys() == first.keys()
    assert all(
        torch.equal(back[key], value) and back[key].dtype == value.dtype for key, value in first.items()
    )


@pytest.mark.parametrize(("alpha", "kind"), [(2.0, torch.bfloat16), (3.3, torch.float32)])
def test_a_folded_scale_keeps_half_precision_only_where_that_is_exact(tmp_path, alpha, kind):
    model = network("Wan")
    save_file(pairs("Wan", model, alpha, torch.bfloat16), tmp_path / "start.safetensors")
    convert(tmp_path / "start.safetensors", "diffusers", tmp_path / "there.safetensors")
    there = load_file(tmp_path / "there.safetensors")
    assert {value.dtype for key, value in there.items() if "lora_B" in key} == {kind}
    expected = applied(tmp_path / "start.safetensors", model)
    assert_close(applied(tmp_path / "there.safetensors", model), expected)


def rich(model):
    """LoHa, LoKr, DoRA, and full differences of a weight, bias, norm and modulation."""
    blocks = model.blocks
    q, o, ffn = blocks[1].self_attn.q.weight, blocks[0].self_attn.o.weight, blocks[0].ffn[0].weight
    dim, prefix = q.shape[0], "diffusion_model.blocks"
    names = ("w1_a", "w1_b", "w2_a", "w2_b")
    factors = [random(ffn.shape[0], RANK), random(RANK, ffn.shape[1])] * 2
    return {
        **{f"{prefix}.0.ffn.0.hada_{n}": value.clone() for n, value in zip(names, factors, strict=True)},
        f"{prefix}.0.ffn.0.alpha": torch.tensor(2.0),
        f"{prefix}.1.self_attn.q.lokr_w1": random(4, 4),
        f"{prefix}.1.self_attn.q.lokr_w2_a": random(dim // 4, RANK),
        f"{prefix}.1.self_attn.q.lokr_w2_b": random(RANK, dim // 4),
        f"{prefix}.1.self_attn.q.alpha": torch.tensor(3.0),
        f"{prefix}.1.self_attn.k.lokr_w1": random(4, 4),
        f"{prefix}.1.self_attn.k.lokr_w2": random(dim // 4, dim // 4),
        f"{prefix}.0.self_attn.o.lora_A.weight": random(RANK, o.shape[1]),
        f"{prefix}.0.self_attn.o.lora_B.weight": random(o.shape[0], RANK),
        f"{prefix}.0.self_attn.o.dora_scale": torch.rand(1, o.shape[1]) + 0.5,
        f"{prefix}.0.self_attn.v.lora_A.weight": random(RANK, o.shape[1]),
        f"{prefix}.0.self_attn.v.lora_B.weight": random(o.shape[0], RANK),
        f"{prefix}.0.self_attn.v.dora_scale": torch.rand(o.shape[0], 1) + 0.5,
        f"{prefix}.0.ffn.2.diff": random(*blocks[0].ffn[2].weight.shape),
        f"{prefix}.0.ffn.2.diff_b": random(dim),
        f"{prefix}.1.self_attn.norm_q.diff": random(dim),
    }


def test_forms_that_lycoris_writes_hold_everything(tmp_path):
    model = network("Wan")
    content = rich(model)
    save_file(content, tmp_path / "start.safetensors")
    expected = applied(tmp_path / "start.safetensors", model)
    assert len(expected) == 8
    convert(tmp_path / "start.safetensors", "kohya", tmp_path / "kohya.safetensors")
    assert_close(applied(tmp_path / "kohya.safetensors", model), expected)
    convert(tmp_path / "kohya.safetensors", "comfyui", tmp_path / "back.safetensors")
    back = load_file(tmp_path / "back.safetensors")
    assert back.keys() == content.keys()
    assert all(torch.equal(back[key], value) for key, value in content.items())


def test_modulation_has_a_name_in_comfyui_only(tmp_path):
    model = network("Wan")
    names = {"blocks.1.diff_m": "blocks.1.modulation", "head.modulation.diff": "head.modulation"}
    content = {
        f"diffusion_model.{key}": random(*model.get_parameter(name).shape) for key, name in names.items()
    }
    save_file(content, tmp_path / "start.safetensors")
    expected = applied(tmp_path / "start.safetensors", model)
    assert expected.keys() == set(names.values())
    convert(tmp_path / "start.safetensors", "comfyui", tmp_path / "there.safetensors")
    assert "diffusion_model.blocks.1.modulation.diff" in load_file(tmp_path / "there.safetensors")
    assert_close(applied(tmp_path / "there.safetensors", model), expected)
    with pytest.raises(ValueError, match=r"modulation has no name in kohya LoRA files; use --to comfyui"):
        convert(tmp_path / "start.safetensors", "kohya", tmp_path / "no.safetensors")


def lokr_alone(folder, model):
    dim = model.blocks[0].self_attn.q.weight.shape[0]
    left, right = random(4, 4), random(dim // 4, dim // 4)
    save_file(
        {"lycoris_blocks_0_self_attn_q.lokr_w1": left, "lycoris_blocks_0_self_attn_q.lokr_w2": right},
        folder / "lokr.safetensors",
    )
    return torch.kron(left, right)


def test_what_a_form_cannot_hold_needs_a_rank_and_its_loss_is_told(tmp_path):
    model = network("Wan")
    product = lokr_alone(tmp_path, model)
    with pytest.raises(
        ValueError,
        match=r"lokr\.safetensors: blocks\.0\.self_attn\.q\.weight is changed by a LoKr, .*add --rank 64",
    ):
        convert(tmp_path / "lokr.safetensors", "diffusers", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
    facts = convert(tmp_path / "lokr.safetensors", "diffusers", tmp_path / "out.safetensors", rank=8)
    change = read_lora(tmp_path / "out.safetensors").changes["blocks.0.self_attn.q.weight"]
    assert isinstance(change, LowRank)
    assert change.down.shape == (8, product.shape[1])
    best = torch.linalg.svdvals(product)
    error = float(best[8:].norm() / best.norm())
    assert facts["approximated"] == 1
    assert facts["relative_error"] == pytest.approx(error, rel=1e-2)
    assert (change.delta(product) - product).norm() / product.norm() == pytest.approx(error, rel=1e-2)
    facts = convert(
        tmp_path / "lokr.safetensors", "diffusers", tmp_path / "out.safetensors", rank=len(product)
    )
    assert facts["relative_error"] < 1e-5
    facts = convert(tmp_path / "lokr.safetensors", "kohya", tmp_path / "kohya.safetensors", rank=8)
    assert facts["approximated"] == 0
    assert isinstance(
        read_lora(tmp_path / "kohya.safetensors").changes["blocks.0.self_attn.q.weight"], Kronecker
    )


@pytest.mark.parametrize(
    ("key", "shape", "form", "words"),
    [
        (
            "diffusion_model.blocks.0.ffn.0.diff_b",
            (64,),
            "diffusers",
            "a full difference, which diffusers LoRA files",
        ),
        ("diffusion_model.blocks.0.self_attn.norm_q.diff", (48,), "peft", "use --to comfyui"),
        ("diffusion_model.blocks.0.ffn.0.diff", (64, 48), "sat", "--to sat: a LoRA for Wan has no such form"),
        ("transformer.transformer_blocks.0.ff.net.2.diff", (48, 64), "sat", "has no name in sat LoRA files"),
    ],
)
def test_what_has_no_way_is_refused_even_with_a_rank(tmp_path, key, shape, form, words):
    save_file({key: random(*shape)}, tmp_path / "start.safetensors")
    with pytest.raises(ValueError, match=words) as raised:
        convert(tmp_path / "start.safetensors", form, tmp_path / "out.safetensors", rank=4)
    assert "start.safetensors: " in str(raised.value)
    assert not (tmp_path / "out.safetensors").exists()


def test_dora_goes_through_peft_when_all_layers_have_it(tmp_path):
    model = network("Wan")
    content = {key: value for key, value in rich(model).items() if ".0.self_attn.v." in key}
    save_file(content, tmp_path / "start.safetensors")
    expected = applied(tmp_path / "start.safetensors", model)
    facts = convert(tmp_path / "start.safetensors", "peft", tmp_path / "adapter_model.safetensors")
    assert facts["approximated"] == 0
    key = "base_model.model.blocks.0.self_attn.v.lora_magnitude_vector"
    assert load_file(tmp_path / "adapter_model.safetensors")[key].ndim == 1
    assert json.loads((tmp_path / "adapter_config.json").read_text())["use_dora"] is True
    assert_close(applied(tmp_path / "adapter_model.safetensors", model), expected)
    save_file(content | pairs("Wan", model, None), tmp_path / "mixed.safetensors")
    with pytest.raises(ValueError, match="some layers are DoRA and some are not"):
        convert(tmp_path / "mixed.safetensors", "diffusers", tmp_path / "out.safetensors")


def test_layers_of_several_ranks_are_told_to_peft_and_diffusers(tmp_path):
    """Their loaders would otherwise scale the layer of another rank by the usual one's."""
    model = network("Wan")
    content = pairs("Wan", model, None)
    content["blocks.0.ffn.0.lora_A.weight"] = random(7, content["blocks.0.ffn.0.lora_A.weight"].shape[1])
    content["blocks.0.ffn.0.lora_B.weight"] = random(len(content["blocks.0.ffn.0.lora_B.weight"]), 7)
    save_file(content, tmp_path / "start.safetensors")
    convert(tmp_path / "start.safetensors", "peft", tmp_path / "peft" / "adapter_model.safetensors")
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (RANK, RANK)
    assert config["rank_pattern"] == config["alpha_pattern"] == {"blocks.0.ffn.0": 7}
    convert(tmp_path / "start.safetensors", "diffusers", tmp_path / "theirs.safetensors")
    with safe_open(tmp_path / "theirs.safetensors", framework="pt") as file:
        inside = json.loads(file.metadata()["lora_adapter_metadata"])
    assert inside["transformer.rank_pattern"] == {"blocks.0.ffn.net.0.proj": 7}
    expected = applied(tmp_path / "start.safetensors", model)
    for path in ("peft/adapter_model.safetensors", "theirs.safetensors"):
        assert_close(applied(tmp_path / path, model), expected)
    with pytest.raises(ValueError, match=r"adapter_config\.json already exists"):
        convert(tmp_path / "start.safetensors", "peft", tmp_path / "peft" / "other.safetensors")


def test_scales_kept_beside_the_tensors_are_read(tmp_path):
    """PEFT's adapter_config.json and diffusers' header, with a layer of its own alpha, and rank-stabilised."""
    layer, other = "blocks.0.ffn.0", "blocks.0.ffn.2"
    content = {f"{n}.lora_{ab}.weight": random(RANK, RANK) for n in (layer, other) for ab in "AB"}
    settings = {"lora_alpha": 8, "alpha_pattern": {layer: 2}}
    folder = tmp_path / "peft"
    folder.mkdir()
    save_file(
        {f"base_model.model.{key}": v for key, v in content.items()}, folder / "adapter_model.safetensors"
    )
    for is_stabilised, root in ((False, 4), (True, 2)):
        (folder / "adapter_config.json").write_text(json.dumps(settings | {"use_rslora": is_stabilised}))
        inside = {
            f"transformer.{key}": value for key, value in (settings | {"use_rslora": is_stabilised}).items()
        }
        save_file(content, tmp_path / "x.safetensors", metadata={"lora_adapter_metadata": json.dumps(inside)})
        for path in (folder / "adapter_model.safetensors", folder, tmp_path / "x.safetensors"):
            changes = read_lora(path).changes
            assert changes[f"{layer}.weight"].scale == 2 / root
            assert changes[f"{other}.weight"].scale == 8 / root
        convert(tmp_path / "x.safetensors", "kohya", tmp_path / "kohya.safetensors")
        assert read_lora(tmp_path / "kohya.safetensors").changes[f"{other}.weight"].scale == 8 / root
    (folder / "adapter_config.json").write_text("{")
    with pytest.raises(ValueError, match="its adapter settings cannot be read"):
        read_lora(folder / "adapter_model.safetensors")


def test_two_experts_become_two_files_or_stay_one(tmp_path):
    content = {
        f"{part}.blocks.0.ffn.net.2.lora_{ab}.weight": random(RANK, RANK)
        for part in ("transformer", "transformer_2")
        for ab in "AB"
    }
    save_file(content, tmp_path / "two.safetensors")
    facts = convert(tmp_path / "two.safetensors", "comfyui", tmp_path / "style.safetensors")
    high, low = tmp_path / "style_high_noise.safetensors", tmp_path / "style_low_noise.safetensors"
    assert facts["files"] == [str(high), str(low)]
    for path, part in ((high, "transformer"), (low, "transformer_2")):
        down = load_file(path)["diffusion_model.blocks.0.ffn.2.lora_A.weight"]
        assert torch.equal(down, content[f"{part}.blocks.0.ffn.net.2.lora_A.weight"])
    convert(tmp_path / "two.safetensors", "diffusers", tmp_path / "same.safetensors")
    same = load_file(tmp_path / "same.safetensors")
    assert same.keys() == content.keys()
    assert all(torch.equal(same[key], value) for key, value in content.items())
    with pytest.raises(ValueError, match=r"two\.safetensors is for two experts"):
        convert(tmp_path / "two.safetensors", "peft", tmp_path / "adapter_model.safetensors")


def test_dtype_casts_the_factors_and_not_alpha(tmp_path):
    save_file(pairs("Wan", network("Wan"), alpha=3.3), tmp_path / "start.safetensors")
    convert(tmp_path / "start.safetensors", "kohya", tmp_path / "out.safetensors", dtype="bf16")
    kinds = {
        key.endswith(".alpha"): value.dtype for key, value in load_file(tmp_path / "out.safetensors").items()
    }
    assert kinds == {True: torch.float32, False: torch.bfloat16}


def test_nearest_is_the_best_of_its_rank_and_exact_when_it_can_be():
    matrix = random(60, 5) @ random(5, 90)
    found = nearest(matrix, 5)
    assert (found.up @ found.down - matrix).abs().max() < 1e-5
    noisy = matrix + 0.02 * random(60, 90)
    found = nearest(noisy, 3)
    best = torch.linalg.svdvals(noisy)[3:].norm()
    assert (found.up @ found.down - noisy).norm() == pytest.approx(float(best), rel=1e-3)
