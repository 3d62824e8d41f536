"""mini's tiny decoder for previews."""

import pytest
import torch
import torch.nn.functional as F
from comfyui_anisora.anisora_core.checkpoints.detect import read_card
from comfyui_anisora.anisora_core.checkpoints.load import read_preview_decoder
from comfyui_anisora.anisora_core.data.training_clips import ClipSource
from comfyui_anisora.anisora_core.generation.loading import ASSETS, load_mini
from comfyui_anisora.anisora_core.layers.preview_decoder import PreviewDecoder
from comfyui_anisora.anisora_core.training.latent_space import (
    fit_preview_decoder,
    latents_and_frames,
)
from comfyui_anisora.anisora_core.training.strategies.autoencoder import ClipBatches


def test_frames_are_half_as_large_as_the_clips():
    assert PreviewDecoder()(torch.randn(1, 16, 3, 4, 6)).shape == (3, 16, 24, 3)


def test_it_shows_more_of_a_clip_than_a_colour_for_each_latent():
    clip = ClipBatches(ClipSource(), 1, 9, ((128, 128),), seed=99, steps_per_clip=1)[0]
    ((latent, picture),) = latents_and_frames(load_mini().vae, [clip])
    small = F.avg_pool2d(picture, 2)
    rgb = torch.tensor(read_card(ASSETS / "mini")["latent_rgb"])
    flat = torch.einsum("kc,tchw->tkhw", rgb[:, :-1], latent) + rgb[:, -1].view(1, 3, 1, 1)
    by_colour = F.interpolate(flat, scale_factor=4, mode="bicubic")
    better = (
        (read_preview_decoder(ASSETS / "mini" / "preview.safetensors").pictures(latent) - small)
        .square()
        .mean()
    )
    assert better < 0.7 * (by_colour - small).square().mean()


def test_a_fit_lowers_the_error():
    rng = torch.Generator().manual_seed(0)
    pairs = [(torch.randn(4, 16, 4, 4, generator=rng), torch.full((4, 3, 32, 32), 0.7))]
    decoder = fit_preview_decoder(pairs, rng, steps=60)
    assert float((decoder.pictures(pairs[0][0]) - 0.7).abs().mean()) < 0.1


def test_a_folder_without_it_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"preview\.safetensors do not exist"):
        read_preview_decoder(tmp_path / "preview.safetensors")
