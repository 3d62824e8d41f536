"""A LoRA trained from the shell: in one process and in two, and read by the tools that artists use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.conversion import convert
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.evaluation.speed.diffusers_networks import (
    diffusers_wan,
    ours_like,
    randomised,
)
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.lora.apply import LoraUse, changes_to, live
from comfyui_anisora.anisora_core.lora.trainable import Adapters, AdapterSettings, acting
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.lora.lora_file import save_lora
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from comfyui_anisora.cli import main
from comfyui_anisora.cli.train_lora import planned
from PIL import Image
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parents[1]))
from small_inputs import draw_noise

PACK = Path(__file__).parents[2]
OPTIONS = (
    "--steps", "4", "--warmup", "1", "--rank", "4", "--area", "1024", "--length", "5", "--variants", "1",
    "--sample-every", "0", "--dropout", "0.25", "--learning-rate", "0.01", "--optimizer", "adamw", "--name", "ink",
)  # fmt: skip
#: The same clips' losses, one process or two; float32, so that only the order of sums differs.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    draw_noise(folder)
    return folder


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "loss.jsonl").read_text().splitlines()]


def test_the_shell_trains_and_says_where_the_file_is(images, tmp_path, capsys):
    words = ["train", "lora", "--images", str(images), *OPTIONS, "--batch", "1", "--json"]
    words += ["--out", str(tmp_path), "--folder", str(tmp_path / "run")]
    assert main(words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["files"] == [str(tmp_path / "ink.safetensors")]
    assert facts["steps"] == 4
    again = tmp_path / "again"
    recipe = ["--recipe", str(tmp_path / "run" / "recipe.json"), "--out", str(again), "--json"]
    assert main(["train", "lora", *recipe, "--folder", str(again / "run")]) == 0
    capsys.readouterr()
    one, other = (load_file(folder / "ink.safetensors") for folder in (tmp_path, again))
    assert all(torch.equal(one[name], value) for name, value in other.items())
    assert main([*words, "--rank", "8"]) == 2
    assert capsys.readouterr().err.startswith("anisora: rank: ")
    assert main(["train", "lora", "--images", str(tmp_path / "gone"), "--out", str(tmp_path)]) == 2
    assert "gone" in capsys.readouterr().err


def test_a_folder_is_checked_and_gets_captions(images, tmp_path, capsys):
    folder = tmp_path / "set"
    folder.mkdir()
    for number, name in enumerate(("red-haired_girl2", "0001")):
        noise = np.random.default_rng(number).integers(0, 255, (6, 6, 3), np.uint8)
        Image.fromarray(noise).resize((160, 160)).save(folder / f"{name}.png")
    assert main(["data", "check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["no_caption"] == ["0001.png", "red-haired_girl2.png"]
    assert main(["data", "captions", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"drawings": 2, "captions_written": 1}
    assert (folder / "red-haired_girl2.txt").read_text() == "red haired girl\n"
    (folder / "red-haired_girl2.txt").write_text("mine")
    assert main(["data", "captions", str(folder)]) == 0
    assert (folder / "red-haired_girl2.txt").read_text() == "mine"
    assert main(["data", "captions", str(folder), "--model", str(folder)]) == 2
    assert "no captioning model" in capsys.readouterr().err
    assert main(["data", "check", str(tmp_path / "gone")]) == 2
    assert "gone" in capsys.readouterr().err


def test_a_plan_is_of_the_largest_step():
    def gigabytes(**changes) -> float:
        recipe = LoraRecipe(release="V3.1").changed(batch_size=8, length=9, move_share=0.3, given_share=0.3)
        return planned(recipe.changed(**changes)).device

    assert (
        gigabytes(clip_batch_size=1)
        < gigabytes(clip_batch_size=3)
        < gigabytes()
        == gigabytes(clip_batch_size=8)
    )
    assert gigabytes(clip_batch_size=1) == gigabytes(
        clip_batch_size=1, move_share=0.0, given_share=0.0
    )  # 8 stills
    assert gigabytes(clip_batch_size=3) > gigabytes(move_share=0.0, given_share=0.0)  # 3 clips of 3 latents


def run_on(count: int, batch: int, images: Path, folder: Path) -> list[float]:
    """torchrun's way of starting processes, in which two really run on a CPU."""
    script = folder / "train.py"
    script.write_text(
        "import sys, torch\n"
        "import comfyui_anisora.cli.train_lora as shell\n"
        "from comfyui_anisora.cli import main\n"
        "shell.fast_dtype = lambda device: torch.float32\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    run = folder / "run"
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={count}",
        str(script),
    ]
    words = ["train", "lora", "--images", str(images), *OPTIONS, "--batch", str(batch), "--out", str(folder)]
    done = subprocess.run(
        [*command, *words, "--folder", str(run), "--accumulate", "1" if count == 2 else "2"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-20_000:]  # torchrun's own words come last, and say nothing
    return losses(run)


@pytest.mark.slow
def test_two_processes_learn_what_one_with_twice_the_batch_does(images, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = run_on(1, 4, images, tmp_path / "one")
    two = run_on(2, 2, images, tmp_path / "two")
    assert len(one) == 4
    assert np.allclose(one, two, atol=TOLERANCE, rtol=0)
    lone, both = (read_lora(tmp_path / name / "ink.safetensors").changes for name in ("one", "two"))
    assert all(torch.allclose(lone[name].up, both[name].up, atol=TOLERANCE) for name in lone)


@pytest.fixture
def trained(tmp_path):
    """(config, network, inputs, its outputs with adapters that learned something, their file)."""
    pytest.importorskip("diffusers")
    config = replace(DEBUG, text_dim=8)
    torch.manual_seed(0)
    theirs = randomised(diffusers_wan(config), 0.1, 0.3)
    ours = ours_like(theirs, WanTransformer, config)
    adapters = Adapters(ours, AdapterSettings(rank=4, alpha=2.0), seed=0).eval()
    with torch.no_grad():
        for parameter in adapters.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    x, t, text = torch.randn(1, config.in_channels, 2, 4, 4), torch.tensor([300.0]), torch.randn(1, 512, 8)
    with torch.no_grad(), acting(ours, adapters):
        out = ours(x, t, text)
    path = tmp_path / "ink.safetensors"
    save_lora(path, adapters.changes(), RELEASES["V3.2"], {})
    with torch.no_grad(), live(ours, changes_to(ours, [LoraUse(read_lora(path))])):
        assert torch.allclose(ours(x, t, text), out, atol=1e-4)
    return config, ours, theirs, (x, t, text), out, path


def test_diffusers_reads_what_was_trained(trained, tmp_path):
    """Its own loader on its own Wan."""
    pytest.importorskip("peft", reason="peft is not installed: diffusers' LoRA loader needs it")
    from diffusers import WanPipeline

    _, _, theirs, x, out, path = trained
    theirs.load_lora_adapter(WanPipeline.lora_state_dict(str(path)))
    with torch.no_grad():
        assert torch.allclose(theirs(*x, return_dict=False)[0], out, atol=1e-4)
    convert(path, "diffusers", tmp_path / "theirs.safetensors")
    assert read_lora(tmp_path / "theirs.safetensors").family.title == "Wan"


def test_musubi_reads_what_was_trained(trained, monkeypatch):
    """Its own loader merges the file into its own Wan. Its attention is in bfloat16 always, so ours runs the weights."""
    checkout = os.environ.get("MUSUBI_PATH")
    if not checkout:
        pytest.skip("no musubi-tuner: set MUSUBI_PATH to its checkout")
    config, ours, _, x, out, path = trained
    monkeypatch.syspath_prepend(str(Path(checkout).expanduser() / "src"))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)  # asked for on import, as a default
    from musubi_tuner.networks import lora_wan  # type: ignore[import-not-found]
    from musubi_tuner.wan.modules.model import WanModel  # type: ignore[import-not-found]

    named = {
        name: getattr(config, name)
        for name in ("dim", "ffn_dim", "freq_dim", "text_dim", "num_heads", "num_layers")
    }
    theirs = WanModel(
        "i2v", "2.2", in_dim=config.in_channels, out_dim=config.out_channels, attn_mode="torch", **named
    )
    theirs.load_state_dict(ours.state_dict())
    weights = load_file(path)
    network = lora_wan.create_arch_network_from_weights(1.0, weights, unet=theirs, for_inference=True)
    network.merge_to(None, theirs, weights, torch.float32, "cpu")
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        assert torch.allclose(ours(*x), out, atol=1e-4)
