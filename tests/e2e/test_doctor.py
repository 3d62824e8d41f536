"""The page for bug reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.generation import loading
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.cli import doctor, main
from safetensors.torch import save_file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a VAE that is none among its models."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("ANISORA_MODELS", str(tmp_path / "models"))
    vae = next(file for file in RELEASES["V3"].files if file.part == "vae")
    (tmp_path / "models" / vae.folder).mkdir(parents=True)
    save_file({"a": torch.zeros(1)}, tmp_path / "models" / vae.folder / vae.file_name)
    return tmp_path


def test_one_page_says_what_is_there_and_what_is_missing(home, capsys):
    assert main(["doctor", "--json"]) == 0
    said = capsys.readouterr().out
    assert str(home) not in said
    facts = json.loads(said)
    assert f"torch {torch.__version__}" in facts["versions"]
    assert facts["models folder"] == str(Path("~") / "models")
    v3 = next(line for line in facts["releases"] if line.startswith("V3:"))
    (vae,) = facts["model files"]
    assert vae.startswith("vae/")
    assert "failed, ValueError: " in vae
    assert v3.endswith("lacks transformer, text encoder, image encoder")
    assert "video libx264: yes" in facts["codecs and fonts"]
    assert facts["mini"].startswith("5 frames in one step, hash ")
    assert doctor.render().split(",")[1] == facts["mini"].split(",")[1]


def test_a_mini_that_fails_is_part_of_the_page(home, capsys, monkeypatch):
    monkeypatch.setattr(loading, "ASSETS", home)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "mini: failed, ValueError: " in said
    assert str(home) not in said
