"""`anisora bench`: what a row says is what was run, and a bad request is one line."""

from __future__ import annotations

import time

import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.speed.cases import CASES, Case, Size, latents
from comfyui_anisora.anisora_core.evaluation.speed.compare import compare
from comfyui_anisora.cli import main
from torch import nn

CPU = torch.device("cpu")


def run(model, x):
    return model(x)


def slow(model, x):
    time.sleep(0.2)
    return model(torch.cat([x, x]))[: len(x)] + 0.1


def test_the_slower_and_the_wrong_one_are_told_apart():
    model = nn.Linear(64, 64)
    case = Case("linear", model, model, slow, run, (torch.randn(8192, 64),))
    row = compare(case, torch.float32, CPU, rounds=3)
    assert row["speedup"] < 1
    assert row["ours"]["seconds"] > 0.2
    assert row["ours"]["error"] > 0.01 > 1e-6 >= row["diffusers"]["error"]
    assert row["ours"]["peak_mb"] > row["diffusers"]["peak_mb"]
    assert row["gflop"] == pytest.approx(2 * 8192 * 64 * 64 / 1e9, rel=0.01)


def test_rounding_is_measured_against_float32():
    case = Case("linear", nn.Linear(64, 64), nn.Linear(64, 64), run, run, (torch.randn(8192, 64),))
    case.ours.load_state_dict(case.theirs.state_dict())
    row = compare(case, torch.bfloat16, CPU, rounds=1)
    assert 1e-4 < row["ours"]["error"] < 0.02
    assert row["ours"]["error"] == row["diffusers"]["error"]


def test_tokens_are_those_of_the_clip():
    assert latents(3, Size(tokens=1024)).shape == (1, 3, 4, 32, 32)
    with pytest.raises(ValueError, match="--tokens 1000: give four times a square number"):
        latents(3, Size(tokens=1000))


def test_a_case_that_is_not_there_is_named(capsys):
    assert main(["bench", "wan-unet"]) == 2
    assert f"wan-unet: no such case; choose among {', '.join(CASES)}" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_case_gives_the_same_on_both_sides(name):
    case = CASES[name](Size(tokens=16, frames=9, side=32))
    with torch.inference_mode():
        ours = case.run_ours(case.ours, *case.inputs)
        theirs = case.run_theirs(case.theirs, *case.inputs)
    assert (ours - theirs).norm() < 1e-4 * theirs.norm()
