"""Every published release from its files to a clip: networks of its layout, tiny and random, through the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints import load as load_module
from comfyui_anisora.cli import main
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.workflow import execute, override, read_workflow
from PIL import Image
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[1]))
from tiny_models import name_models, write_models
from workflow_files import PUBLISHED, SHIPPED, name_of, release_of

WORKFLOWS = [path for path in SHIPPED + PUBLISHED if release_of(path) != "mini"]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("models")
    write_models(base)
    for name, colour in (("a", (200, 40, 90)), ("b", (20, 140, 190))):
        Image.fromarray(np.full((48, 64, 3), colour, np.uint8)).save(base / f"{name}.png")
    return base


UMT5 = ("--text-encoder", "models_t5_umt5-xxl-enc-bf16.pth")
COGVIDEOX = (
    "--weights", "mp_rank_00_model_states.pt", "--vae", "videokl_ch16_long_20w.pt", "--text-encoder", "t5xxl.safetensors",
)  # fmt: skip
FILES = {
    "V1": COGVIDEOX,
    "V1-RL": COGVIDEOX,
    "V2": ("--weights", "anisora_v3.1.safetensors", *UMT5),
    "V3": ("--weights", "anisora_v3.1.safetensors", *UMT5),
    "V3.1": ("--weights", "anisora_v3.1.safetensors", *UMT5),
    "V3.2": (
        "--weights",
        "anisora_v3.2_high_noise.safetensors",
        "--low-noise",
        "anisora_v3.2_low_noise.safetensors",
        *UMT5,
    ),
    "anymask": ("--weights", "anisora_v3.1.safetensors", *UMT5),
}
#: Steps that keep the test short; V2's are the shortest list of the sampler `optimal`.
FEW = {"V2": ("--sampler", "optimal", "--steps", "12"), "V3.2": ("--steps", "8")}


def generate(models, monkeypatch, release, out, *more) -> int:
    monkeypatch.setenv("ANISORA_MODELS", str(models))
    few = FEW.get(release, ("--steps", "3"))
    return main(
        ["generate", "--model", release, *FILES.get(release, ()), *few, "--length", "9", "--size", "64x48"]
        + ["--prompt", "a wave", "--keyframe", f"{models / 'a.png'}@first", *more, "--out", str(out)]
    )


@pytest.mark.parametrize("release", FILES)
def test_a_release_makes_a_clip_of_its_files(release, models, tmp_path, monkeypatch, capsys):
    assert generate(models, monkeypatch, release, tmp_path / "clip.png", "--json") == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 9
    assert np.asarray(Image.open(tmp_path / "clip.png")).std() > 1.0


@pytest.mark.parametrize("release", FILES)
def test_a_release_makes_a_long_shot(release, models, tmp_path, monkeypatch, capsys):
    """Windows of 17 frames, continued in the way of the release."""
    longer = ("--length", "33", "--window", "17", "--json")
    assert generate(models, monkeypatch, release, tmp_path / "clip.png", *longer) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 33
    assert np.asarray(Image.open(tmp_path / "clip.png")).std() > 1.0


def test_less_memory_gives_the_same_clip(models, tmp_path, monkeypatch):
    """Blocks in CPU RAM change nothing; 8-bit weights next to nothing."""
    frames = {}
    for name, options in {"whole": (), "swapped": ("--blocks-to-swap", "1"), "fp8": ("--fp8",)}.items():
        assert generate(models, monkeypatch, "V3.1", tmp_path / f"{name}.png", *options) == 0
        frames[name] = np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int)
    assert np.array_equal(frames["whole"], frames["swapped"])
    assert 0 < np.abs(frames["whole"] - frames["fp8"]).mean() < 4.0


@pytest.mark.parametrize("release", ["V1", "V3.1"])
def test_a_seed_decides_the_clip_also_where_noise_is_added_at_every_step(
    release, models, tmp_path, monkeypatch
):
    sheets = []
    for name, seed in (("one", "5"), ("again", "5"), ("other", "6")):
        assert generate(models, monkeypatch, release, tmp_path / f"{name}.png", "--seed", seed) == 0
        sheets.append(np.asarray(Image.open(tmp_path / f"{name}.png")))
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_each_expert_of_two_is_loaded_once_and_the_earlier_one_let_go(models, tmp_path, monkeypatch):
    order = []
    read = load_module.open_weights
    monkeypatch.setattr(load_module, "open_weights", lambda path: order.append(path.stem) or read(path))
    assert generate(models, monkeypatch, "V3.2", tmp_path / "clip.png") == 0
    assert [name for name in order if "noise" in name] == [
        "anisora_v3.2_high_noise",
        "anisora_v3.2_low_noise",
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_workflow_of_a_release_runs_without_a_host(path, models, tmp_path, monkeypatch):
    monkeypatch.setenv("ANISORA_MODELS", str(models))
    nodes = read_workflow(path, NODE_CLASS_MAPPINGS)
    override(nodes, "AniSoraSampler.steps=2", NODE_CLASS_MAPPINGS)
    name_models(nodes)
    (file,) = execute(nodes, NODE_CLASS_MAPPINGS, tmp_path)
    assert file.stat().st_size > 500


def write_lora(path: Path, block: str, inputs: int, outputs: int) -> None:
    rng = torch.Generator().manual_seed(0)
    down, up = torch.randn(2, inputs, generator=rng), torch.randn(outputs, 2, generator=rng)
    save_file({f"{block}.lora_A.weight": down, f"{block}.lora_B.weight": up}, path)


@pytest.mark.parametrize(
    ("release", "block", "width"),
    [("V3.1", "diffusion_model.blocks.0.ffn.0", 128), ("V3.2", "transformer.blocks.1.ffn.net.0.proj", 128),
     ("V1", "transformer.transformer_blocks.0.attn1.to_q", 64)],
)  # fmt: skip
def test_a_lora_changes_the_clip_by_its_strength_and_says_what_it_matched(
    release, block, width, models, tmp_path, monkeypatch, capsys
):
    (models / "loras").mkdir(exist_ok=True)
    write_lora(models / "loras" / "style.safetensors", block, width, 64)
    sheets = {}
    for name, uses in {
        "none": (),
        "zero": ("style.safetensors:0",),
        "style": ("style.safetensors:0.8",),
    }.items():
        more = [word for use in uses for word in ("--lora", use)]
        assert generate(models, monkeypatch, release, tmp_path / f"{name}.png", *more) == 0
        sheets[name] = np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int)
    said = capsys.readouterr().err
    assert "style.safetensors: 0 of 1 weights changed; at strength 0: 1" in said
    assert "style.safetensors: 1 of 1 weights changed" in said
    assert np.abs(sheets["zero"] - sheets["none"]).max() <= 1
    assert np.abs(sheets["style"] - sheets["none"]).max() > 3


@pytest.mark.parametrize(
    ("release", "more", "message"),
    [
        (
            "V3.1",
            ("--weights", "anisora_v3.2_low_noise.safetensors"),
            "low_noise.safetensors is not one of release V3.1; pick V3.2",
        ),
        (
            "V1",
            ("--weights", "anisora_v3.1.safetensors"),
            "not one of release V1; pick V2 or V3 or V3.1 or anymask",
        ),
        ("V1", ("--vae", "wan_2.1_vae.safetensors"), "is not the VAE of release V1"),
        ("V3.1", ("--weights", "nowhere.safetensors"), "is not in models/diffusion_models"),
        ("V2", ("--steps", "9"), "sampler optimal has no list of 9 steps; use 16 or 12"),
        ("V3.1", ("--sampler", "optimal"), "no list of 3 steps; use another sampler"),
        ("V1", ("--sampler", "optimal"), "no list of 3 steps; use another sampler"),
        ("V1", ("--lora", "nowhere.safetensors"), "neither in models/loras nor a path"),
        ("V1", ("--keyframe", "b.png@2", "--keyframe", "b.png@4"), "fall into one latent"),
    ],
)
def test_what_does_not_belong_together_is_said_in_one_line(
    release, more, message, models, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(models)
    assert generate(models, monkeypatch, release, tmp_path / "clip.png", *more) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in lines if line.startswith("anisora:")]) == 1
    assert message in lines[-1]
    assert not list(tmp_path.iterdir())


def test_a_missing_part_is_asked_for_with_its_place_size_and_licence(models, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ANISORA_MODELS", str(models))
    assert main(["generate", "--model", "V3.2", "--out", str(tmp_path / "clip.png")]) == 2
    line = capsys.readouterr().err
    assert "release V3.2 needs its high noise file: download it from https://" in line
    assert "six-clause" in line
