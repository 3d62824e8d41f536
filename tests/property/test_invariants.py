"""What holds for any clip length, chunking and size."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch
from comfyui_anisora.anisora_core.conditioning.guide import canvas_of_keyframes
from comfyui_anisora.anisora_core.conditioning.guide import encode_guide as encode_placed
from comfyui_anisora.anisora_core.conditioning.masks import feather, latent_area, pack_mask
from comfyui_anisora.anisora_core.conditioning.timeline import place
from comfyui_anisora.anisora_core.domain.conditions import GuideRules, Keyframe, Timeline
from comfyui_anisora.anisora_core.domain.grid import LatentGrid
from comfyui_anisora.anisora_core.families.wan.config import MINI_VAE
from comfyui_anisora.anisora_core.families.wan.initialization import init_vae_frames_first
from comfyui_anisora.anisora_core.families.wan.transformer import unpatchify
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE
from hypothesis import given, settings
from hypothesis import strategies as st

GRID = LatentGrid()


def encode_guide(timeline, rules, encode, **more):
    return encode_placed(place(timeline, rules.key_multiple), rules, encode, **more)


@cache
def tiny_vae() -> WanVAE:
    vae = WanVAE(replace(MINI_VAE, encoder_dim=8, decoder_dim=8))
    init_vae_frames_first(vae, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.03 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return vae.eval()


@settings(deadline=None, max_examples=12)
@given(latents=st.integers(1, 6), encode_chunk=st.integers(1, 7), decode_chunk=st.integers(1, 7))
def test_any_chunking_of_the_vae_equals_the_whole(latents, encode_chunk, decode_chunk):
    vae = tiny_vae()
    video = torch.randn(
        1, 3, GRID.num_frames(latents), 16, 16, generator=torch.Generator().manual_seed(latents)
    )
    with torch.no_grad():
        whole = vae.encode(video).mode()
        assert torch.allclose(vae.encode(video, latents_per_chunk=encode_chunk).mode(), whole, atol=2e-5)
        decoded = torch.cat(list(vae.decode_chunks(whole, latents_per_chunk=decode_chunk)), dim=2)
        assert torch.allclose(decoded, vae.decode(whole), atol=2e-5)


@given(t=st.integers(1, 4), h=st.integers(1, 5), w=st.integers(1, 5))
def test_unpatchify_undoes_patchify(t, h, w):
    x = torch.randn(2, 3, t, 2 * h, 2 * w)
    patches = x.unflatten(4, (w, 2)).unflatten(3, (h, 2)).permute(0, 2, 3, 5, 4, 6, 1)
    tokens = patches.flatten(4).flatten(1, 3)
    assert torch.equal(unpatchify(tokens, (t, h, w), (1, 2, 2)), x)


@given(latents=st.integers(1, 8), value=st.sampled_from([0.0, 1.0]))
def test_a_mask_of_one_value_packs_into_that_value(latents, value):
    mask = torch.full((GRID.num_frames(latents), 16, 24), value)
    packed = pack_mask(mask, GRID)
    assert packed.shape == (4, latents, 2, 3)
    assert (packed == value).all()
    assert (latent_area(mask, GRID) == value).all()


@given(latents=st.integers(1, 6), data=st.data())
def test_packing_loses_no_frame(latents, data):
    frames = GRID.num_frames(latents)
    frame = data.draw(st.integers(0, frames - 1))
    mask = torch.zeros(frames, 8, 8)
    mask[frame] = 1.0
    assert pack_mask(mask, GRID).sum() == (4 if frame == 0 else 1)


@given(radius=st.floats(0.0, 6.0), seed=st.integers(0, 99))
def test_feathering_stays_a_mask(radius, seed):
    mask = (torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(seed)) > 0.5).float()
    soft = feather(mask, radius)
    assert soft.shape == mask.shape
    assert 0.0 <= float(soft.min()) <= float(soft.max()) <= 1.0


@settings(deadline=None, max_examples=8)
@given(latents=st.integers(1, 4))
def test_no_keyframe_gives_nothing_and_all_keyframes_give_everything(latents):
    frames = GRID.num_frames(latents)
    picture = torch.rand(16, 16, 3)
    for count in (0, frames):
        keyframes = tuple(Keyframe(picture, str(frame)) for frame in range(count))
        timeline = Timeline(frames, 12.0, 16, 16, keyframes)
        guide = encode_guide(
            timeline, GuideRules(GRID), lambda video: tiny_vae().encode(video).mode().detach()
        )
        assert (guide.mask_BMTHW == float(count > 0)).all()
    assert (canvas_of_keyframes([], Timeline(frames, 12.0, 16, 16)).video_CFHW == 0.0).all()
