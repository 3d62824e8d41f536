"""The transformer against diffusers' on small random weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.domain.keymap import inverted, rename
from comfyui_anisora.anisora_core.evaluation.speed.diffusers_networks import (
    diffusers_wan,
    ours_like,
    randomised,
    run_wan,
)
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.keymaps import WAN_FROM_DIFFUSERS
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer

IMAGE = replace(
    DEBUG, has_image_branch=True, text_len=512
)  # diffusers splits off 512 text rows, whatever the config


def theirs_for(config):
    return randomised(diffusers_wan(config), 0.1, 0.3)


def inputs(config, shape=(2, 3, 4, 6)):
    batch, frames, height, width = shape
    x = torch.randn(batch, config.in_channels, frames, height, width)
    text = torch.randn(batch, config.text_len, config.text_dim)
    image = torch.randn(batch, 257, config.image_dim) if config.has_image_branch else None
    return x, torch.tensor([999.0, 416.0]), text, image


@pytest.mark.parametrize("config", [DEBUG, IMAGE], ids=["text", "image"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (2, 1, 8, 4), (2, 5, 2, 2), (2, 4, 6, 2)])
def test_forward_equals_diffusers(config, shape):
    theirs = theirs_for(config)
    ours = ours_like(theirs, WanTransformer, config)
    x, timestep, text, image = inputs(config, shape)
    with torch.no_grad():
        difference = (ours(x, timestep, text, image) - run_wan(theirs, x, timestep, text, image)).abs().max()
    assert difference < 1e-5


@pytest.mark.parametrize("config", [DEBUG, IMAGE], ids=["text", "image"])
def test_gradients_equal_diffusers(config):
    theirs = theirs_for(config)
    ours = ours_like(theirs, WanTransformer, config)
    x, timestep, text, image = inputs(config)
    weight = torch.randn(2, config.out_channels, *x.shape[2:])
    (ours(x, timestep, text, image) * weight).sum().backward()
    (run_wan(theirs, x, timestep, text, image) * weight).sum().backward()
    mine = dict(ours.named_parameters())
    # Keys in front of a softmax over near-equal scores have gradients that are mostly cancellation: floor the scale.
    floor = 0.01 * max(parameter.grad.norm() for parameter in theirs.parameters())
    for key, parameter in theirs.named_parameters():
        gradient = mine[rename(key, WAN_FROM_DIFFUSERS)].grad
        relative = (gradient - parameter.grad).norm() / parameter.grad.norm().maximum(floor)
        assert relative < 1e-5, f"{key}: {relative:.1e}"


def test_one_timestep_per_token_equals_a_scalar_when_all_are_equal():
    model = ours_like(theirs_for(DEBUG), WanTransformer, DEBUG)
    x, timestep, text, _ = inputs(DEBUG)
    tokens = 3 * 2 * 3
    with torch.no_grad():
        scalar, per_token = model(x, timestep, text), model(x, timestep[:, None].expand(-1, tokens), text)
    assert (scalar - per_token).abs().max() < 1e-5


def test_per_token_timesteps_equal_diffusers():
    theirs = theirs_for(DEBUG)
    ours = ours_like(theirs, WanTransformer, DEBUG)
    x, _, text, _ = inputs(DEBUG)
    timestep = torch.rand(2, 18) * 1000
    with torch.no_grad():
        difference = (ours(x, timestep, text) - run_wan(theirs, x, timestep, text, None)).abs().max()
    assert difference < 1e-5


def test_sizes_off_the_patch_are_padded_and_cropped_back():
    model = ours_like(theirs_for(DEBUG), WanTransformer, DEBUG)
    x, timestep, text, _ = inputs(DEBUG, (2, 2, 5, 7))
    assert model(x, timestep, text).shape == (2, 16, 2, 5, 7)


def test_the_key_table_is_a_bijection():
    keys = theirs_for(IMAGE).state_dict()
    there = {key: rename(key, WAN_FROM_DIFFUSERS) for key in keys}
    assert None not in there.values()
    assert {rename(value, inverted(WAN_FROM_DIFFUSERS)) for value in there.values()} == set(keys)
