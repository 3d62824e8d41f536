"""V1's transformer against diffusers' on small random weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.domain.keymap import rename, to_ours, to_theirs
from comfyui_anisora.anisora_core.evaluation.speed.diffusers_networks import (
    diffusers_cogvideox,
    ours_like,
    randomised,
    run_cogvideox,
)
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG
from comfyui_anisora.anisora_core.families.cogvideox.keymaps import (
    COGVIDEOX_FROM_DIFFUSERS,
    COGVIDEOX_FROM_SAT,
)
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer


def theirs_for(config):
    return randomised(diffusers_cogvideox(config), 0.1, 0.3)


def inputs(config, shape):
    x = torch.randn(shape[0], config.in_channels + config.mask_channels, *shape[1:])
    return x, torch.tensor([999, 19][: shape[0]]), torch.randn(shape[0], config.text_len, config.text_dim)


@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (1, 1, 8, 4), (2, 4, 2, 2), (1, 5, 6, 4)])
def test_forward_equals_diffusers(shape):
    theirs = theirs_for(DEBUG)
    arguments = inputs(DEBUG, shape)
    with torch.no_grad():
        difference = ours_like(theirs, CogVideoXTransformer, DEBUG)(*arguments) - run_cogvideox(
            theirs, *arguments
        )
    assert difference.abs().max() < 1e-5


def test_gradients_equal_diffusers():
    theirs = theirs_for(DEBUG)
    ours = ours_like(theirs, CogVideoXTransformer, DEBUG)
    arguments = inputs(DEBUG, (2, 3, 4, 6))
    weight = torch.randn(2, DEBUG.out_channels, 3, 4, 6)
    (ours(*arguments) * weight).sum().backward()
    (run_cogvideox(theirs, *arguments) * weight).sum().backward()
    mine = dict(ours.named_parameters())
    floor = 0.01 * max(parameter.grad.norm() for parameter in theirs.parameters())
    for key, parameter in theirs.named_parameters():
        gradient = mine[rename(key, COGVIDEOX_FROM_DIFFUSERS)].grad
        relative = (gradient - parameter.grad).norm() / parameter.grad.norm().maximum(floor)
        assert relative < 1e-5, f"{key}: {relative:.1e}"


def test_learned_positions_are_added_to_clips_of_their_length_only():
    tokens = DEBUG.text_len + 3 * 2 * 3
    config = replace(DEBUG, learned_positions=tokens)
    plain = ours_like(theirs_for(DEBUG), CogVideoXTransformer, DEBUG)
    model = CogVideoXTransformer(config)
    model.load_state_dict(plain.state_dict(), strict=False)
    model.positions.data.normal_()
    with torch.no_grad():
        fitting, other = inputs(DEBUG, (1, 3, 4, 6)), inputs(DEBUG, (1, 2, 4, 6))
        assert (model(*fitting) - plain(*fitting)).abs().max() > 1e-3
        assert torch.equal(model(*other), plain(*other))


def test_a_mask_is_read_where_the_configuration_has_one():
    config = replace(DEBUG, mask_channels=4)
    model = CogVideoXTransformer(config)
    x, timestep, text = inputs(config, (1, 2, 4, 4))
    with torch.no_grad():
        before = model(x, timestep, text)
        x[:, DEBUG.out_channels : DEBUG.out_channels + 4] += 1.0
        assert (model(x, timestep, text) - before).abs().max() > 1e-4


def test_sizes_off_the_patch_are_padded_and_cropped_back():
    model = CogVideoXTransformer(DEBUG)
    assert model(*inputs(DEBUG, (1, 2, 5, 7))).shape == (1, 16, 2, 5, 7)


def test_sat_parts_land_where_the_forward_pass_expects_them():
    """facts 1.6: chunks 0, 1, 2, 6, 7, 8 of the modulation are norm1's, q, k and v lie in this order; and back."""
    width = DEBUG.dim
    modulation = torch.arange(12.0).repeat_interleave(width)[:, None].expand(-1, DEBUG.time_dim)
    qkv = torch.arange(3.0).repeat_interleave(width)
    sat = {
        "mixins.adaln_layer.adaLN_modulations.1.1.weight": modulation,
        "transformer.layers.1.attention.query_key_value.bias": qkv,
    }
    ours, _ = to_ours(sat, COGVIDEOX_FROM_SAT)
    chosen = {key: value.flatten(1)[:, 0] if value.ndim > 1 else value for key, value in ours.items()}
    assert chosen["blocks.1.norm1.linear.weight"][::width].tolist() == [0, 1, 2, 6, 7, 8]
    assert chosen["blocks.1.norm2.linear.weight"][::width].tolist() == [3, 4, 5, 9, 10, 11]
    assert [float(chosen[f"blocks.1.attn.{name}.bias"][0]) for name in "qkv"] == [0, 1, 2]
    back = to_theirs(ours, COGVIDEOX_FROM_SAT)
    assert all(torch.equal(back[key], value) for key, value in sat.items())
