"""V1's causal VAE against diffusers' AutoencoderKLCogVideoX on small random weights."""

from __future__ import annotations

import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.speed.diffusers_networks import (
    diffusers_cogvideox_vae,
    ours_like,
)
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG_VAE
from comfyui_anisora.anisora_core.families.cogvideox.vae import CogVideoXVAE


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(0)
    theirs = diffusers_cogvideox_vae(DEBUG_VAE).float().eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return ours_like(theirs, CogVideoXVAE, DEBUG_VAE), theirs


@pytest.mark.parametrize("shape", [(1, 1, 16, 24), (2, 9, 16, 16), (1, 13, 24, 16), (1, 17, 16, 16)])
def test_encode_equals_diffusers(pair, shape):
    ours, theirs = pair
    video = torch.rand(shape[0], 3, *shape[1:]) * 2 - 1
    with torch.no_grad():
        mine, other = ours.encode(video), theirs.encode(video).latent_dist
    assert (mine.mean - other.mean).abs().max() < 1e-5
    assert (mine.logvar - other.logvar).abs().max() < 1e-5


@pytest.mark.parametrize("frames", [1, 3, 5, 7])
def test_decode_in_the_authors_runs_equals_diffusers(pair, frames):
    ours, theirs = pair
    latent = torch.randn(2, 16, frames, 2, 3)
    with torch.no_grad():
        difference = ours.decode(latent) - theirs.decode(latent).sample
    assert difference.shape[2] == 1 + 4 * (frames - 1)
    assert difference.abs().max() < 1e-5


def test_runs_are_part_of_the_result(pair, monkeypatch):
    """Facts 1.7: group norms see one run, so decoding all at once is another picture; both must stay available."""
    ours, theirs = pair
    latent = torch.randn(1, 16, 7, 2, 2)
    with torch.no_grad():
        runs, whole = ours.decode(latent), ours.decode(latent, latents_per_chunk=6)
        monkeypatch.setattr(theirs, "num_latent_frames_batch_size", 7)
        assert (whole - theirs.decode(latent).sample).abs().max() < 1e-5
    assert (runs - whole).abs().max() > 1e-3


def test_lengths_that_do_not_come_out_even_are_named(pair):
    with pytest.raises(
        ValueError, match=r"4 latent frames cannot be decoded 2 at a time .* 8 k \+ 1 frames long"
    ):
        pair[0].decode(torch.randn(1, 16, 4, 2, 2))
    with pytest.raises(ValueError, match="length 8"):
        pair[0].encode(torch.randn(1, 3, 8, 16, 16))


def test_posterior_is_sampled_or_its_mode(pair):
    posterior = pair[0].encode(torch.rand(1, 3, 5, 16, 16))
    draws = [posterior.sample(torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(posterior.mode(), posterior.mean)
    assert torch.allclose(pair[0].denormalize(pair[0].normalize(draws[0])), draws[0])
