"""Settings that a release cannot have, and what LoRAs do to its networks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.families import find_family
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.generation.plan import plan_sampling
from comfyui_anisora.anisora_core.lora.apply import LoraUse, block_strengths, changes_to, live, merge, unmerge
from comfyui_anisora.anisora_core.lora.changes import LowRank
from comfyui_anisora.anisora_core.lora.read import Lora
from comfyui_anisora.anisora_core.releases import RELEASES

WAN = replace(DEBUG, num_layers=4)


@pytest.mark.parametrize("name", [name for name, release in RELEASES.items() if not release.step_lists])
def test_the_sampler_of_listed_steps_needs_a_release_with_a_list(name):
    with pytest.raises(
        ValueError, match="no list of 16 steps; use another sampler: this release has no list"
    ):
        _ = plan_sampling(RELEASES[name], sampler="optimal", steps=16).sigmas


def test_early_guidance_ends_after_the_noisiest_steps():
    settings = plan_sampling(RELEASES["mini"], steps=12, cfg_scale=8.0, guidance="early")
    scales = [settings.scale(sigma) for sigma in settings.sigmas[:-1]]
    assert scales == [8.0] * 2 + [1.0] * 10


def test_open_guidance_is_everywhere_but_between_what_is_given():
    given = torch.zeros(1, 4, 3, 2, 2)
    given[:, :, 0] = 1.0
    mini = plan_sampling(RELEASES["mini"])
    assert mini.scale == RELEASES["mini"].cfg_scale
    assert mini.where(given)[0, 0, :, 0, 0].tolist() == [0.0, 1.0, 1.0]
    given[:, :, 2] = 1.0
    assert not mini.where(given).any()
    assert plan_sampling(RELEASES["V3.2"]).where(given) is None


@pytest.fixture
def wan():
    model = WanTransformer(WAN)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    return model.eval()


def low_rank(weight: torch.Tensor) -> LowRank:
    return LowRank(0.3 * torch.randn(4, weight.shape[1]), 0.3 * torch.randn(weight.shape[0], 4), 0.5)


@pytest.fixture
def lora(wan):
    """On one layer of each block and one outside of blocks."""
    names = [*(f"blocks.{block}.ffn.0.weight" for block in range(4)), "time_embedding.0.weight"]
    return Lora(
        Path("style.safetensors"), find_family("wan"), {n: low_rank(wan.get_parameter(n)) for n in names}
    )


def run(model):
    torch.manual_seed(1)
    x, text = torch.randn(1, WAN.in_channels, 2, 4, 4), torch.randn(1, WAN.text_len, WAN.text_dim)
    with torch.no_grad():
        return model(x, torch.tensor([500.0]), text)


def test_blocks_have_strengths_of_their_own(wan, lora):
    use = LoraUse(lora, 0.8, blocks=block_strengths("0-1=0.5, 2=0"))
    factors = {"blocks.0": 0.5, "blocks.1": 0.5, "blocks.2": 0.0, "blocks.3": 1.0, "time_embedding": 1.0}
    before = {name: value.clone() for name, value in wan.named_parameters()}
    plain = run(wan)
    changes = changes_to(wan, [use])
    kept = merge(wan, changes)
    for name, change in lora.changes.items():
        factor = next(value for start, value in factors.items() if name.startswith(start))
        dense = before[name] + 0.8 * factor * change.scale * change.up @ change.down
        assert (wan.get_parameter(name) - dense).abs().max() < 1e-5, name
    merged = run(wan)
    unmerge(wan, kept)
    with live(wan, changes):
        assert (run(wan) - merged).abs().max() < 1e-5
    assert (merged - plain).abs().max() > 1e-3
    assert torch.equal(run(wan), plain)
    assert all(torch.equal(value, before[name]) for name, value in wan.named_parameters())


def test_the_later_strength_of_a_block_counts():
    assert block_strengths("0-3=0,2=1") == {0: 0.0, 1: 0.0, 2: 1.0, 3: 0.0}
    assert block_strengths(" ") == {}


@pytest.mark.parametrize("text", ["0-9", "3-1=0.5", "first=1", "0-9=0.5,", "0-9=strong", "0-99999999999=1"])
def test_block_strengths_written_otherwise_are_refused(text):
    with pytest.raises(ValueError, match=f"^blocks {re.escape(repr(text))}: write them as 0-9=0.5,20=0"):
        block_strengths(text)


def test_a_block_that_is_not_there_is_named_with_those_that_are(wan, lora):
    use = LoraUse(lora, blocks=block_strengths("2-7=0.5"))
    with pytest.raises(ValueError, match=r"^blocks: there is no block 4; this network has 0 to 3"):
        changes_to(wan, [use])


@pytest.mark.parametrize(
    ("release", "size", "sampler", "shift"),
    [
        ("V2", (480, 832), None, 3.0),
        ("V2", (832, 480), None, 3.0),
        ("V2", (464, 832), None, 3.0),
        ("V2", (528, 960), None, 5.0),
        ("V2", (720, 1280), None, 5.0),
        ("V2", None, None, 5.0),
        ("V2", (480, 832), "optimal", 5.0),
        ("V3.1", (480, 832), None, 5.0),
    ],
)
def test_the_size_of_a_clip_chooses_v2s_shift_as_its_program_does(release, size, sampler, shift):
    steps = 16 if sampler else None
    plan = plan_sampling(RELEASES[release], sampler=sampler, steps=steps, size=size)
    assert plan.shift == shift
    assert plan_sampling(RELEASES[release], shift=4.0, size=size).shift == 4.0
