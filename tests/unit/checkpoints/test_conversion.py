"""Models written in every form and back, bit for bit: names, numbers, shards, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.conversion import convert
from comfyui_anisora.anisora_core.checkpoints.detect import identify
from comfyui_anisora.anisora_core.checkpoints.files import open_weights
from comfyui_anisora.anisora_core.checkpoints.load import load_network
from comfyui_anisora.anisora_core.checkpoints.renamed import held
from comfyui_anisora.anisora_core.checkpoints.save import save_weights
from comfyui_anisora.anisora_core.domain import atomic_write
from comfyui_anisora.anisora_core.domain.keymap import to_theirs
from comfyui_anisora.anisora_core.domain.weights import Weights
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG as COG
from comfyui_anisora.anisora_core.families.cogvideox.keymaps import COGVIDEOX_FROM_SAT
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.families.wan.config import DEBUG, WAN21_VAE
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE
from failing_disk import FAILURES, each_failure
from safetensors import safe_open
from safetensors.torch import load_file, save_file

WAN = replace(DEBUG, dim=128, num_heads=1, text_len=512, image_dim=1280, has_image_branch=True)


def random_tensors(kind, config, dtype=torch.bfloat16):
    with torch.device("meta"):
        model = kind(config)
    rng = torch.Generator().manual_seed(0)
    return {
        key: torch.randn(value.shape, generator=rng).to(dtype) for key, value in model.state_dict().items()
    }


@pytest.fixture(scope="module")
def wan():
    return random_tensors(WanTransformer, WAN)


@pytest.fixture(scope="module")
def cog():
    ours = random_tensors(CogVideoXTransformer, replace(COG, learned_positions=20))
    return {
        f"model.diffusion_model.{key}": value for key, value in to_theirs(ours, COGVIDEOX_FROM_SAT).items()
    }


def assert_same(path, expected):
    found = load_file(path)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        assert torch.equal(found[key], value), key


def round_trip(content, forms, folder):
    save_file(content, folder / "start.safetensors")
    path = folder / "start.safetensors"
    for form in forms:
        facts = convert(path, form, folder / f"{form}.safetensors")
        path = folder / f"{form}.safetensors"
        assert facts["files"] == [str(path)]
        assert load_network(path, torch.bfloat16)[1].is_whole
    return path


def test_wan_in_every_form_and_back(tmp_path, wan):
    assert_same(round_trip(wan, ["comfyui", "diffusers", "official"], tmp_path), wan)
    assert all(
        key.startswith("model.diffusion_model.") for key in load_file(tmp_path / "comfyui.safetensors")
    )
    assert "condition_embedder.time_proj.weight" in load_file(tmp_path / "diffusers.safetensors")


def test_v1_in_every_form_and_back(tmp_path, cog):
    assert_same(round_trip(cog, ["diffusers", "comfyui", "sat"], tmp_path), cog)
    fused = "model.diffusion_model.transformer.layers.1.attention.query_key_value.weight"
    assert fused in load_file(tmp_path / "sat.safetensors")
    assert "patch_embed.pos_embedding" in load_file(tmp_path / "diffusers.safetensors")


def test_a_vae_in_every_form_and_back(tmp_path):
    with torch.device("meta"):
        names = WanVAE(WAN21_VAE).state_dict()
    content = {
        key: torch.full(value.shape, float(i), dtype=torch.bfloat16)
        for i, (key, value) in enumerate(names.items())
    }
    save_file(content, tmp_path / "vae.safetensors")
    convert(tmp_path / "vae.safetensors", "diffusers", tmp_path / "theirs.safetensors")
    assert identify(open_weights(tmp_path / "theirs.safetensors")).kind.name == "Wan VAE (diffusers)"
    convert(tmp_path / "theirs.safetensors", "comfyui", tmp_path / "back.safetensors")
    assert_same(tmp_path / "back.safetensors", content)


@pytest.mark.parametrize("failure", FAILURES)
def test_an_index_is_never_of_two_models(tmp_path, failure):
    """Wherever writing over an earlier result of as many shards is cut off."""
    folder = tmp_path / "parts"
    folder.mkdir()

    number = 0

    def write():
        entries = {name: held(torch.full((4,), float(number))) for name in "abc"}
        atomic_write._cleaned.clear()
        atomic_write._being_written.clear()
        save_weights({folder / "m.safetensors": Weights(Path("m"), entries, {})}, shard_bytes=16)

    write()
    number = 1
    for _ in each_failure(write, FAILURES[failure]):
        index = folder / "m.safetensors.index.json"
        if index.exists():
            weights = open_weights(index)
            assert len({float(weights.entries[name].read()[0]) for name in "abc"}) == 1
        number += 1
    assert number > 5
    write()
    assert float(open_weights(folder).entries["a"].read()[0]) == number
    assert len(list(folder.iterdir())) == 4


def test_shards_become_one_file_and_one_file_shards(tmp_path, wan):
    save_file(wan, tmp_path / "wan.safetensors")
    facts = convert(
        tmp_path / "wan.safetensors", "diffusers", tmp_path / "parts" / "wan.safetensors", shard_gb=3e-4
    )
    names = [path.name for path in sorted((tmp_path / "parts").iterdir())]
    assert len(facts["files"]) > 2
    assert names[0] == f"wan-00001-of-{len(facts['files']):05d}.safetensors"
    assert names[-1] == "wan.safetensors.index.json"
    index = json.loads((tmp_path / "parts" / names[-1]).read_text())
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in wan.values())
    for source in (tmp_path / "parts", tmp_path / "parts" / names[-1]):
        convert(source, "official", tmp_path / "one.safetensors")
        assert_same(tmp_path / "one.safetensors", wan)


def test_numbers_are_cast_when_asked_and_kept_otherwise(tmp_path, wan):
    mixed = {key: value.float() if value.ndim == 1 else value for key, value in wan.items()}
    save_file(mixed, tmp_path / "wan.safetensors")
    convert(tmp_path / "wan.safetensors", "official", tmp_path / "same.safetensors")
    assert_same(tmp_path / "same.safetensors", mixed)
    for name, kind in (("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)):
        convert(tmp_path / "wan.safetensors", "official", tmp_path / "cast.safetensors", dtype=name)
        assert_same(tmp_path / "cast.safetensors", {key: value.to(kind) for key, value in mixed.items()})


def test_scaled_fp8_and_gguf_are_dequantised_and_need_a_kind_of_number(tmp_path, wan):
    layer = "blocks.0.ffn.0"
    quantised = wan[f"{layer}.weight"].to(torch.float8_e4m3fn)
    content = wan | {f"{layer}.weight": quantised, f"{layer}.scale_weight": torch.tensor(0.5)}
    save_file(content, tmp_path / "fp8.safetensors")
    writer = gguf.GGUFWriter(tmp_path / "q8.gguf", "wan")
    kind = gguf.GGMLQuantizationType.Q8_0
    for key, value in wan.items():
        array = value.float().numpy()
        is_wide = value.ndim == 2 and value.shape[1] % 32 == 0
        writer.add_tensor(
            key, gguf.quants.quantize(array, kind) if is_wide else array, raw_dtype=kind if is_wide else None
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for name, tolerance in (("fp8.safetensors", 0.0), ("q8.gguf", 0.02)):
        with pytest.raises(ValueError, match=r"is quantised .*; say --dtype bf16"):
            convert(tmp_path / name, "diffusers", tmp_path / "out.safetensors")
        convert(tmp_path / name, "official", tmp_path / "out.safetensors", dtype="bf16")
        found = load_file(tmp_path / "out.safetensors")
        expected = quantised.float() * 0.5 if name.startswith("fp8") else wan[f"{layer}.weight"].float()
        assert (found[f"{layer}.weight"].float() - expected).abs().max() <= tolerance
        assert found.keys() == wan.keys()


def test_metadata_is_kept_and_says_where_it_is_from_by_name_only(tmp_path, wan):
    save_file(wan, tmp_path / "wan.safetensors", metadata={"author": "someone"})
    convert(tmp_path / "wan.safetensors", "comfyui", tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", framework="pt") as file:
        assert file.metadata() == {"author": "someone", "format": "pt", "converted_from": "wan.safetensors"}


def test_what_lies_beside_the_network_is_left_out_and_counted(tmp_path, cog):
    beside = {
        "conditioner.embedders.0.weight": torch.zeros(2),
        "model.diffusion_model.mixins.pos_embed.freqs_sin": torch.zeros(2),
    }
    torch.save({"module": cog | beside}, tmp_path / "mp_rank_00_model_states.pt")
    facts = convert(tmp_path / "mp_rank_00_model_states.pt", "sat", tmp_path / "out.safetensors")
    assert facts["left_out"] == 2
    assert_same(tmp_path / "out.safetensors", cog)


def damaged(folder, wan):
    """name -> (file, --to, other options, words of the error)."""
    save_file(wan, folder / "wan.safetensors")
    nan = wan["head.head.bias"].clone()
    nan[0] = float("nan")
    save_file(wan | {"head.head.bias": nan}, folder / "nan.safetensors")
    save_file(wan | {"head.head.bias": nan.fill_(1e6)}, folder / "large.safetensors")
    save_file(
        {key: value for key, value in wan.items() if key != "head.head.bias"}, folder / "cut.safetensors"
    )
    save_file(wan | {"blocks.0.adapter.weight": nan}, folder / "more.safetensors")
    save_file({"blocks.0.ffn.0.lora_A.weight": torch.zeros(1, 2)}, folder / "lora.safetensors")
    return {
        "NaN": ("nan", "diffusers", {}, "head.head.bias holds NaN"),
        "too large for fp16": (
            "large",
            "diffusers",
            {"dtype": "fp16"},
            "too large for fp16; use --dtype bf16",
        ),
        "cut": ("cut", "diffusers", {}, r"1 missing.*only a whole Wan transformer"),
        "more": ("more", "diffusers", {}, "1 unexpected"),
        "no such form": ("wan", "kohya", {}, "--to kohya: .* use official, comfyui, diffusers"),
        "no SAT": ("wan", "sat", {}, "--to sat: wan.safetensors is a Wan transformer"),
        "no such form of a LoRA": ("lora", "official", {}, "is a LoRA file; use comfyui, kohya"),
        "rank": ("lora", "kohya", {"rank": 0}, "--rank 0: use 1 or more|--rank 0: use more than 0"),
        "missing": ("gone", "diffusers", {}, "do not exist"),
    }


def test_bad_input_is_one_clear_line_and_leaves_no_file(tmp_path, wan):
    for name, (stem, to, options, words) in damaged(tmp_path, wan).items():
        with pytest.raises(ValueError, match=words) as raised:
            convert(tmp_path / f"{stem}.safetensors", to, tmp_path / "new" / "out.safetensors", **options)
        assert "\n" not in str(raised.value), name
        assert not list(tmp_path.glob("new/*")), name


def test_the_input_is_never_overwritten(tmp_path, wan):
    (tmp_path / "folder").mkdir()
    for number, half in enumerate((0, 1)):
        save_file(dict(list(wan.items())[half::2]), tmp_path / "folder" / f"part-{number}.safetensors")
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "folder" / "part-1.safetensors")
    before = (tmp_path / "folder" / "part-1.safetensors").read_bytes()
    for out in ("folder/part-1.safetensors", "link.safetensors"):
        with pytest.raises(ValueError, match="is one of the input files"):
            convert(tmp_path / "folder", "diffusers", tmp_path / out)
    assert (tmp_path / "folder" / "part-1.safetensors").read_bytes() == before
    with pytest.raises(ValueError, match=r"use a name that ends in \.safetensors"):
        convert(tmp_path / "folder", "diffusers", tmp_path / "out.pt")
