"""`anisora convert` on the model in the box: there and back by the command, and what it says."""

from __future__ import annotations

import json

import torch
from comfyui_anisora.anisora_core.generation.loading import ASSETS
from comfyui_anisora.cli import main
from safetensors.torch import load_file, save_file

MINI = ASSETS / "mini" / "transformer.safetensors"


def converted(capsys, *arguments):
    assert main(["convert", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_mini_goes_to_diffusers_and_back(tmp_path, capsys):
    there, back = tmp_path / "theirs.safetensors", tmp_path / "back.safetensors"
    facts = converted(capsys, MINI, "--to", "diffusers", "--out", there)
    assert facts["family"] == "Wan transformer"
    assert facts["files"] == [str(there)]
    assert main(["inspect", str(there), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fit"].endswith("0 missing, 0 unexpected")
    converted(capsys, there, "--to", "official", "--out", back)
    first, last = load_file(MINI), load_file(back)
    assert first.keys() == last.keys()
    assert all(
        torch.equal(last[key], value) and last[key].dtype == value.dtype for key, value in first.items()
    )


def test_mini_in_shards_of_another_precision(tmp_path, capsys):
    options = ("--to", "comfyui", "--dtype", "bf16", "--shard", "0.01")
    facts = converted(capsys, MINI, *options, "--out", tmp_path / "mini.safetensors")
    assert len(facts["files"]) > 1
    assert facts["dtypes"] == {"BF16": facts["tensors"]}
    assert main(["inspect", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prefix"] == "model.diffusion_model."


def test_a_lora_file_says_what_was_approximated(tmp_path, capsys):
    save_file({"blocks.0.ffn.0.diff": torch.randn(64, 48)}, tmp_path / "style.safetensors")
    arguments = [tmp_path / "style.safetensors", "--to", "kohya", "--out", tmp_path / "kohya.safetensors"]
    assert converted(capsys, *arguments)["approximated"] == 0
    arguments[2:] = ["diffusers", "--out", tmp_path / "theirs.safetensors"]
    assert main(["convert", *map(str, arguments)]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert "add --rank 64" in error
    assert not (tmp_path / "theirs.safetensors").exists()
    facts = converted(capsys, *arguments, "--rank", "16")
    assert facts["approximated"] == 1
    assert 0.3 < facts["relative_error"] < 0.8


def test_bad_input_is_one_clear_line(tmp_path, capsys):
    cases = {
        "the input itself": ([MINI, "--to", "diffusers", "--out", MINI], "is one of the input files"),
        "unknown form": (
            [MINI, "--to", "magic", "--out", tmp_path / "x.safetensors"],
            "use official, comfyui, diffusers",
        ),
        "mini's encoder": (
            [
                ASSETS / "mini" / "text_encoder.safetensors",
                "--to",
                "official",
                "--out",
                tmp_path / "x.safetensors",
            ],
            "pick a transformer, a VAE, an encoder or a LoRA file",
        ),
        "another suffix": ([MINI, "--to", "diffusers", "--out", tmp_path / "x.pt"], "ends in .safetensors"),
    }
    before = MINI.read_bytes()
    for name, (arguments, expected) in cases.items():
        assert main(["convert", *map(str, arguments)]) == 2, name
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1, name
        assert expected in lines[0], (name, lines[0])
    assert not list(tmp_path.iterdir())
    assert MINI.read_bytes() == before
