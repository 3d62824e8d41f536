"""Motion-area examples: what may move, what stands still, and a training on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.generation.pipeline import vae_encoder
from comfyui_anisora.anisora_core.media.video import write_mp4
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.lora.presets import PRESETS
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora
from comfyui_anisora.anisora_core.training.strategies.motion_area import (
    area_example,
    area_of,
    detector,
    moving,
)

MINI = RELEASES["mini"]


def walking_square(num_frames: int = 9) -> np.ndarray:
    frames = np.full((num_frames, 64, 64, 3), 220, np.uint8)
    for f in range(num_frames):
        frames[f, 24:40, 8 + 3 * f : 20 + 3 * f] = (200, 30, 60)
    return frames


def test_what_moves_is_the_area_and_the_rest_is_not():
    frames = walking_square()
    area = area_of(frames, moving)
    travelled = area[24:40, 8:44]
    assert travelled.mean() > 0.9
    assert area[:12].sum() == 0
    assert area[:, 56:].sum() == 0
    everything = area_of(frames, lambda clip: np.ones(clip.shape[:3], bool))
    assert everything.mean() == 1.0


def test_latents_outside_the_area_are_those_of_the_frame_held():
    frames, vae = walking_square(), load_mini().vae
    encode = vae_encoder(vae)
    area = torch.zeros(64, 64)
    area[16:48, :48] = 1.0
    made = area_example(frames, 12.0, area, MINI.guide_rules, encode)
    from comfyui_anisora.anisora_core.media.tensors import to_video

    held = encode(to_video(np.repeat(frames[:1], len(frames), 0))[None])[0]
    true = encode(to_video(frames)[None])[0]
    assert torch.allclose(made["latent"][:, :, 2:6, :6], true[:, :, 2:6, :6])
    assert torch.allclose(made["latent"][:, :, :2], held[:, :, :2])
    assert torch.allclose(made["latent"][:, :, :, 6:], held[:, :, :, 6:])
    assert (made["latent"] - true).abs().max() > 0
    # M_F where other guides have 1 (paper, section 4.2.2), nothing on later frames
    assert torch.equal(made["mask"][:, 0, 2:6, :6], torch.ones(4, 4, 6))
    assert made["mask"][:, 0, :2].sum() == 0
    assert made["mask"][:, 1:].sum() == 0


def test_a_motion_area_lora_is_trained_on_clips_and_refused_without(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    write_mp4(walking_square(), folder / "a.mp4", 12.0)
    recipe = LoraRecipe(name="area").changed(
        images=str(folder), task="motion area", steps=2, batch_size=1, rank=4, max_pixels=1024, length=9,
        variants=1, sample_every=0, targets=PRESETS["motion area"].values["targets"],
    )  # fmt: skip
    where = Place(tmp_path, tmp_path / "run", {}, torch.device("cpu"), torch.float32)
    events = list(train_lora(recipe, where))
    assert events[-1].is_whole
    names = read_lora(tmp_path / "area.safetensors").changes
    assert {name.split(".")[2] for name in names} == {"self_attn", "cross_attn"}
    (tmp_path / "stills").mkdir()
    from PIL import Image

    Image.fromarray(walking_square()[0]).save(tmp_path / "stills" / "a.png")
    stills = recipe.changed(images=str(tmp_path / "stills"))
    with pytest.raises(ValueError, match=r"^images: .* has no clips"):
        list(train_lora(stills, replace(where, run=tmp_path / "other")))
    with pytest.raises(ValueError, match="release V1 does not have"):
        recipe.changed(release="V1")
    with pytest.raises(ValueError, match=r"^detector .* is not a transformers segmentation model"):
        detector(tmp_path / "stills")
    with pytest.raises(
        ValueError, match=r"^detector nvidia/segformer-b0 is not a folder"
    ):  # nothing is downloaded
        detector(Path("nvidia/segformer-b0"))


@pytest.mark.parametrize("label", ["background", "figure"])
def test_a_detector_of_transformers_finds_what_is_no_background(label, tmp_path):
    """A tiny one, which sees the same everywhere."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

    names = ["background", "figure"]
    config = SegformerConfig(
        num_encoder_blocks=1, depths=[1], sr_ratios=[1], hidden_sizes=[8], patch_sizes=[3], strides=[2],
        num_attention_heads=[1], mlp_ratios=[1], decoder_hidden_size=8,
        id2label=dict(enumerate(names)), label2id={name: number for number, name in enumerate(names)},
    )  # fmt: skip
    model = SegformerForSemanticSegmentation(config)
    with torch.no_grad():
        model.decode_head.classifier.weight.zero_()
        model.decode_head.classifier.bias[:] = torch.eye(2)[names.index(label)]
    model.save_pretrained(tmp_path)
    SegformerImageProcessor().save_pretrained(tmp_path)
    found = detector(tmp_path)(walking_square(2))
    assert found.shape == (2, 64, 64)
    assert np.all(found == (label == "figure"))
