"""From drawings to what the VAE makes of them, and back to frames."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.timeline import place
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Timeline
from comfyui_anisora.anisora_core.domain.noise import seeded_noise
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG_VAE, V1_VAE
from comfyui_anisora.anisora_core.families.cogvideox.vae import CogVideoXVAE
from comfyui_anisora.anisora_core.generation.components import Components
from comfyui_anisora.anisora_core.generation.loading import load_mini, load_vae
from comfyui_anisora.anisora_core.generation.pipeline import (
    Request,
    decode_frames,
    encode_text,
    posterior_rng,
    vae_encoder,
)
from comfyui_anisora.anisora_core.releases import RELEASES
from safetensors.torch import save_file

REQUEST = Request(Timeline(9, 16.0, 16, 16))


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return CogVideoXVAE(DEBUG_VAE).eval()


def test_a_guide_is_the_posteriors_mode_or_a_sample_of_it_by_the_seed(vae):
    picture = torch.rand(1, 3, 1, 16, 24) * 2 - 1
    with torch.no_grad():
        posterior = vae.encode(picture)
    assert torch.equal(vae_encoder(vae, posterior_rng(REQUEST))(picture), vae.normalize(posterior.mean))
    drawn = replace(REQUEST, posterior="sample", seed=7)
    first, again, other = (
        vae_encoder(vae, posterior_rng(request))(picture)
        for request in (drawn, drawn, replace(drawn, seed=8))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    draws = (vae.denormalize(first) - posterior.mean) / (0.5 * posterior.logvar).exp()
    assert abs(float(draws.mean())) < 0.2
    assert abs(float(draws.std()) - 1.0) < 0.2
    noise = seeded_noise(first.shape, 7)
    assert abs(float((draws * noise).mean())) < 0.2  # were it the clip's own noise: 1


def test_every_drawing_gets_a_draw_of_its_own(vae):
    encode = vae_encoder(vae, posterior_rng(replace(REQUEST, posterior="sample")))
    picture = torch.zeros(1, 3, 1, 16, 16)
    assert not torch.equal(encode(picture), encode(picture))


def test_an_unknown_use_of_the_posterior_is_named():
    with pytest.raises(ValueError, match="unknown posterior 'mean'; use one of mode, sample"):
        posterior_rng(replace(REQUEST, posterior="mean"))


class Encodes:
    """A text or image encoder that says what it was given."""

    def encode(self, given):
        return given if isinstance(given, torch.Tensor) else torch.zeros(1, 1, 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_clip_sees_the_drawing_that_is_first_in_time(vae, order):
    keyframes = Keyframe(torch.zeros(16, 16, 3), "first"), Keyframe(torch.ones(8, 8, 3), "last")
    timeline = replace(REQUEST.timeline, keyframes=tuple(keyframes[i] for i in order))
    encodes = Encodes()
    features = encode_text(
        Components(vae, vae, encodes, encodes), RELEASES["V3.1"], REQUEST, place(timeline, 8)
    )
    assert torch.equal(features.image_BLD, keyframes[0].image_HWC[None])


def test_v1_decodes_two_latents_at_a_time_and_v1_rl_the_whole_clip(tmp_path):
    """Facts 1.7 and 5.2: group norms see what is decoded at once, so the two are other pictures."""
    file = tmp_path / "vae.safetensors"
    save_file(CogVideoXVAE(replace(V1_VAE, dim=32)).state_dict(), file)
    latent = torch.randn(1, 16, 7, 2, 3)
    frames = {}
    for name, latents_per_chunk in (("V1", 2), ("V1-RL", 6)):
        vae = load_vae(RELEASES[name], {"vae": file}, torch.float32, torch.device("cpu"))
        frames[name] = torch.cat(list(decode_frames(vae, latent, latents_per_chunk=4)))
        with torch.no_grad():
            video = vae.decode(vae.denormalize(latent), latents_per_chunk=latents_per_chunk)
        assert torch.equal(frames[name], (video[0].movedim(0, -1) / 2.0 + 0.5).clamp(0.0, 1.0))
        with pytest.raises(
            ValueError, match=r"4 latent frames cannot be decoded . at a time .* 8 k \+ 1 frames long"
        ):
            list(decode_frames(vae, latent[:, :, :4]))
    assert (frames["V1"] - frames["V1-RL"]).abs().max() > 1e-3


def test_a_clip_is_encoded_a_few_frames_at_a_time_with_the_same_result():
    """Of the Wan family: what the encoder sees at once does not grow with the clip."""
    vae = load_mini().vae
    seen: list[int] = []
    forward = vae.encoder.forward
    vae.encoder.forward = lambda x, past=None: (seen.append(x.shape[2]), forward(x, past))[1]
    for num_frames in (9, 33):
        video = torch.rand(1, 3, num_frames, 32, 32) * 2 - 1
        seen.clear()
        with torch.no_grad():
            encoded = vae_encoder(vae)(video)
            assert max(seen) == vae.grid.frames_per_latent
            assert sum(seen) == num_frames
            whole = vae.normalize(vae.encode(video).mode())
        assert torch.allclose(encoded, whole, atol=2e-5)
