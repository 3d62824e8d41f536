"""Every published release from its files to a clip: networks of its layout, tiny and random, through the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from comfyui_anisora.anisora_core.checkpoints import load as load_module
from comfyui_anisora.cli import main
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from tiny_models import write_models


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
        ("V3.1", ("--weights", "nowhere.safetensors"), "neither in models/diffusion_models nor a path"),
        ("V2", ("--steps", "9"), "sampler optimal has no list of 9 steps; use 16 or 12"),
        ("V3.1", ("--sampler", "optimal"), "no list of 3 steps; use another sampler"),
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
    assert "release V3.2 needs its high noise: put a file of https://" in line
    assert "six-clause" in line
