"""Weights as artists have them, and as someone hostile would make them."""

from __future__ import annotations

import json
import struct
import zipfile
from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.detect import identify
from comfyui_anisora.anisora_core.checkpoints.files import open_weights
from comfyui_anisora.anisora_core.checkpoints.load import describe, load_network
from comfyui_anisora.anisora_core.domain.keymap import to_theirs
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG as COG
from comfyui_anisora.anisora_core.families.cogvideox.keymaps import COGVIDEOX_FROM_SAT
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from safetensors.torch import save_file

WAN = replace(
    DEBUG, dim=128, num_heads=1, text_len=512, image_dim=1280
)  # heads of 128, as every published Wan model


def random_network(kind, config):
    model = kind(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    return model.eval()


@pytest.fixture(scope="module")
def wan():
    return random_network(WanTransformer, WAN)


def tensors(model):
    return {key: value.contiguous().clone() for key, value in model.state_dict().items()}


def assert_same(loaded, model):
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model.", "diffusion_model."])
def test_a_file_loads_under_any_prefix(tmp_path, wan, prefix):
    save_file({prefix + key: value for key, value in tensors(wan).items()}, tmp_path / "wan.safetensors")
    loaded, fit = load_network(tmp_path / "wan.safetensors", torch.float32)
    assert loaded.config == WAN
    assert fit.is_whole
    assert_same(loaded, wan)


def test_shards_load_by_index_and_by_folder(tmp_path, wan):
    items = sorted(tensors(wan).items())
    for number in (0, 1):
        save_file(dict(items[number::2]), tmp_path / f"part-{number}.safetensors")
    assert_same(load_network(tmp_path, torch.float32)[0], wan)
    index = {"weight_map": {key: f"part-{i % 2}.safetensors" for i, (key, _) in enumerate(items)}}
    path = tmp_path / "diffusion_pytorch_model.safetensors.index.json"
    path.write_text(json.dumps(index))
    assert_same(load_network(path, torch.float32)[0], wan)
    assert_same(load_network(tmp_path, torch.float32)[0], wan)
    (tmp_path / "part-1.safetensors").unlink()
    with pytest.raises(ValueError, match=r"shard part-1\.safetensors is missing"):
        open_weights(path)


def test_a_sat_checkpoint_loads_with_what_lies_beside_left_out(tmp_path):
    model = random_network(CogVideoXTransformer, COG)
    sat = {f"model.diffusion_model.{k}": v for k, v in to_theirs(tensors(model), COGVIDEOX_FROM_SAT).items()}
    sat["model.diffusion_model.mixins.pos_embed.freqs_sin"] = torch.zeros(9, 4)
    sat["model.diffusion_model.transformer.position_embeddings.weight"] = torch.zeros(4, 4)
    sat["conditioner.embedders.0.weight"] = torch.zeros(2)
    torch.save({"module": sat, "iteration": 7}, tmp_path / "mp_rank_00_model_states.pt")
    loaded, fit = load_network(tmp_path / "mp_rank_00_model_states.pt", torch.float32)
    assert fit.is_whole
    assert_same(loaded, model)
    facts = describe(tmp_path / "mp_rank_00_model_states.pt")
    assert facts["family"] == "CogVideoX transformer (SAT)"
    assert facts["beside"] == 3


def test_v1s_own_folder_loads_by_its_latest_checkpoint(tmp_path):
    model = random_network(CogVideoXTransformer, COG)
    sat = {f"model.diffusion_model.{k}": v for k, v in to_theirs(tensors(model), COGVIDEOX_FROM_SAT).items()}
    (tmp_path / "1000").mkdir()
    torch.save({"module": sat}, tmp_path / "1000" / "mp_rank_00_model_states.pt")
    (tmp_path / "latest").write_text("1000\n")
    assert_same(load_network(tmp_path, torch.float32)[0], model)
    for name, words in {
        "2000": "do not exist",
        "../1000": "is not a folder name",
        "": "is not a folder name",
    }.items():
        (tmp_path / "latest").write_text(name)
        with pytest.raises(ValueError, match=words):
            open_weights(tmp_path)


@pytest.mark.parametrize(
    ("scale", "marker"), [("scale_weight", "scaled_fp8"), ("weight_scale", "comfy_quant")]
)
def test_scaled_fp8_of_both_layouts_is_weight_times_scale(tmp_path, wan, scale, marker):
    content = {f"model.diffusion_model.{key}": value for key, value in tensors(wan).items()}
    layer = "model.diffusion_model.blocks.0.ffn.0"
    quantised = (content[f"{layer}.weight"] / 0.5).to(torch.float8_e4m3fn)
    content[f"{layer}.weight"] = quantised
    content[f"{layer}.{scale}"] = torch.tensor(0.5)
    content[f"{layer}.input_scale"] = torch.tensor(1.0)
    content["model.diffusion_model.scaled_fp8" if marker == "scaled_fp8" else f"{layer}.{marker}"] = (
        torch.zeros(2, dtype=torch.uint8)
    )
    save_file(content, tmp_path / "fp8.safetensors")
    loaded, fit = load_network(tmp_path / "fp8.safetensors", torch.float32)
    assert fit.is_whole
    assert torch.equal(loaded.blocks[0].ffn[0].weight, quantised.float() * 0.5)


def test_what_is_missing_or_too_much_is_counted_and_nothing_is_read(tmp_path, wan):
    content = tensors(wan)
    del content["head.head.bias"]
    content["blocks.0.adapter.weight"] = torch.zeros(3)
    save_file(content, tmp_path / "odd.safetensors")
    with pytest.raises(ValueError, match=r"\d+ tensors matched, 1 missing, 1 unexpected"):
        load_network(tmp_path / "odd.safetensors", torch.float32)
    assert "1 missing, 1 unexpected" in describe(tmp_path / "odd.safetensors")["fit"]


def test_another_model_is_refused_with_the_nearest_named(tmp_path):
    save_file({"patch_embeding.weight": torch.zeros(2), "x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="not a known model; the most similar one is Wan transformer"):
        identify(open_weights(tmp_path / "x.safetensors"))


class Hostile:
    def __reduce__(self):
        return (print, ("executed",))


def raw_safetensors(header: dict, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def hostile_pickles(folder, wan):
    """name -> (what to open, words of the error)."""
    cyclic: dict = {"a": torch.zeros(1)}
    cyclic["module"] = cyclic
    content = {
        "cycle": cyclic,
        "sparse": tensors(wan) | {"x": torch.eye(2).to_sparse()},
        "meta": tensors(wan) | {"x": torch.empty(2, device="meta")},
        "expanded": tensors(wan) | {"x": torch.zeros(1).expand(2**40)},
        "list": [torch.zeros(1)],
    }
    for name, value in content.items():
        torch.save(value, folder / f"{name}.pt")
    return {
        "containers in a cycle": (folder / "cycle.pt", "not a known model"),
        "a sparse tensor": (folder / "sparse.pt", "tensor x is sparse"),
        "a tensor without numbers": (folder / "meta.pt", "tensor x is sparse, quantised, empty"),
        "a tensor that overlaps itself": (folder / "expanded.pt", "overlapping"),
        "no names": (folder / "list.pt", "holds no tensors"),
    }


def hostile_ggufs(folder):
    head = b"GGUF" + struct.pack("<I", 3)
    endless = head + struct.pack("<QQ", 0, 1) + text(b"k") + struct.pack("<IIQ", 9, 0, 2**50)
    crowded = head + struct.pack("<QQ", 2**60, 2**60)
    info = struct.pack("<IQQIQ", 2, 2**31, 2**31, 0, 0)
    huge = head + struct.pack("<QQ", 1, 0) + text(b"w") + info + b"\0" * 64
    files = {"endless": endless, "crowded": crowded, "huge": huge}
    for name, content in files.items():
        (folder / f"{name}.gguf").write_bytes(content)
    return {f"GGUF, {name}": (folder / f"{name}.gguf", "is damaged") for name in files}


def hostile_indices(folder):
    files = {
        "itself": (json.dumps({"weight_map": {"a": "itself.safetensors.index.json"}}), "is damaged"),
        "absolute": (json.dumps({"weight_map": {"a": "/etc/passwd"}}), "outside its folder"),
        "deep": ('{"weight_map":' + "[" * 100_000, "cannot be read"),
        "list": ("[1]", "cannot be read"),
    }
    for name, (content, _) in files.items():
        (folder / f"{name}.safetensors.index.json").write_text(content)
    return {
        f"index, {name}": (folder / f"{name}.safetensors.index.json", words)
        for name, (_, words) in files.items()
    }


def hostile_headers(folder, wan):
    """Headers with a configuration that cannot be."""
    found = {}
    for name, stated in {
        "list": "[]",
        "deep": "[" * 100_000,
        "word": '{"num_layers": "x"}',
        "endless": '{"num_layers": 1000000000}',
    }.items():
        path = folder / f"config_{name}.safetensors"
        save_file(tensors(wan), path, metadata={"anisora_config": stated})
        found[f"configuration, {name}"] = (path, "its layer sizes cannot be read")
    return found


def hostile_files(folder, wan):
    """name -> (what to open, words of the error)."""
    whole = folder / "whole.safetensors"
    save_file(tensors(wan), whole)
    content = whole.read_bytes()
    (folder / "cut.safetensors").write_bytes(content[: len(content) // 2])
    (folder / "huge.safetensors").write_bytes(struct.pack("<Q", 10 * 2**30) + b"{}")
    overlapping = {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("a", "b")}
    (folder / "overlap.safetensors").write_bytes(raw_safetensors(overlapping, b"\0" * 8))
    short = {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}}
    (folder / "short.safetensors").write_bytes(raw_safetensors(short, b"\0" * 4))
    (folder / "deep.safetensors").write_bytes(text(b'{"a":' * 100_000))
    odd = {"a": {"dtype": "F31", "shape": [1], "data_offsets": [0, 4]}}
    (folder / "dtype.safetensors").write_bytes(raw_safetensors(odd, b"\0" * 4))
    torch.save({"state_dict": Hostile()}, folder / "code.pt")
    (folder / "cut.pt").write_bytes((folder / "code.pt").read_bytes()[:100])
    index = folder / "index" / "model.safetensors.index.json"
    index.parent.mkdir()
    index.write_text(json.dumps({"weight_map": {"a": "../whole.safetensors"}}))
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("hello")
    return {
        "truncated": (folder / "cut.safetensors", "is damaged"),
        "10 GB header": (folder / "huge.safetensors", "is damaged"),
        "overlapping tensors": (folder / "overlap.safetensors", "is damaged"),
        "unknown dtype": (folder / "dtype.safetensors", "is damaged"),
        "wrong size for its dtype": (folder / "short.safetensors", "is damaged"),
        "nested header": (folder / "deep.safetensors", "is damaged"),
        "pickled code": (folder / "code.pt", "could run code"),
        "truncated pickle": (folder / "cut.pt", "is damaged"),
        "path traversal": (index, "outside its folder"),
        "empty folder": (folder / "empty", "contains no .safetensors"),
        "another kind": (folder / "notes.txt", "unknown kind of weights"),
        "nothing there": (folder / "none.safetensors", "do not exist"),
        **hostile_pickles(folder, wan),
        **hostile_ggufs(folder),
        **hostile_indices(folder),
        **hostile_headers(folder, wan),
    }


def test_hostile_files_are_one_clear_error_and_nothing_runs(tmp_path, wan, capsys):
    for name, (path, words) in hostile_files(tmp_path, wan).items():
        with pytest.raises(ValueError, match=words) as raised:
            describe(path)
        assert "\n" not in str(raised.value), name
        assert path.name in str(raised.value), name
    assert "executed" not in capsys.readouterr().out


def test_nan_in_weights_is_named(tmp_path, wan):
    content = tensors(wan)
    content["blocks.1.ffn.2.bias"][3] = float("nan")
    save_file(content, tmp_path / "nan.safetensors")
    with pytest.raises(ValueError, match=r"blocks\.1\.ffn\.2\.bias holds NaN"):
        load_network(tmp_path / "nan.safetensors", torch.float32)


def test_integers_where_numbers_with_fractions_belong_are_refused(tmp_path, wan):
    content = tensors(wan)
    content["head.head.bias"] = content["head.head.bias"].to(torch.int32)
    save_file(content, tmp_path / "int.safetensors")
    with pytest.raises(ValueError, match=r"head\.head\.bias is int32"):
        load_network(tmp_path / "int.safetensors", torch.float32)


def test_a_pt_whose_pickle_is_damaged_is_one_line(tmp_path):
    """An empty stack: torch's unpickler raises IndexError."""
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02s.")
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", b"little")
    with pytest.raises(ValueError, match=r"a\.pt is damaged"):
        open_weights(path)
