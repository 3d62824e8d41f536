"""Small inputs that tests in several folders share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Timeline
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.generation.pipeline import Event, Request, make_clip
from comfyui_anisora.anisora_core.lora.trainable import Adapters
from comfyui_anisora.anisora_core.media.images import read_image
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from PIL import Image

#: A training of a few seconds on one core: a handful of stills, five frames of 32x32.
TRAINING = LoraRecipe(name="small").changed(
    trigger="ink style",
    steps=4,
    batch_size=2,
    warmup=1,
    rank=4,
    max_pixels=1024,
    length=5,
    variants=1,
    save_every=2,
    sample_every=0,
)
DRAWINGS = Path(__file__).parents[1] / "web" / "drawings"


def walk(device: torch.device) -> list[Event]:
    """What mini yields while it makes a short, small clip between two bundled drawings."""
    mini = load_mini()
    mini = replace(
        mini,
        transformer=mini.transformer.to(device),
        vae=mini.vae.to(device),
        text_encoder=mini.text_encoder.to(device),
    )
    keyframes = [Keyframe(read_image(DRAWINGS / f"walk_{name}.png"), name) for name in ("first", "last")]
    timeline = Timeline(9, 12.0, 64, 64, tuple(keyframes))
    request = Request(timeline, prompt="a girl walks to the right", steps=4, seed=3)
    return list(make_clip(mini, find_release("mini"), request))


def draw_noise(folder: Path, first: int = 0) -> None:
    """Three drawings for a training folder: coloured patches. Others for another `first`."""
    for number in range(first, first + 3):
        noise = np.random.default_rng(number).integers(0, 255, (6, 6, 3), np.uint8)
        Image.fromarray(noise).resize((64, 64)).save(folder / f"{number}.png")


def random_wan() -> WanTransformer:
    torch.manual_seed(0)
    model = WanTransformer(replace(DEBUG, text_dim=8, text_len=4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def learned(adapters: Adapters) -> Adapters:
    with torch.no_grad():
        for parameter in adapters.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return adapters
