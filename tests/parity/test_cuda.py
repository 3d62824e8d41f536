"""A GPU makes what a CPU makes: mini's clip, LoRAs of every kind, and a training."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.metrics.fidelity import squared_error
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.generation.pipeline import Frames
from comfyui_anisora.anisora_core.lora.apply import live, merge_for_good
from comfyui_anisora.anisora_core.lora.changes import Change, Dora, Full, Hadamard, Kronecker, LowRank
from comfyui_anisora.anisora_core.training.engine.events import Stepped
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora

sys.path.insert(0, str(Path(__file__).parents[1]))
from small_inputs import draw_noise, walk

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SIDE = DEBUG.dim


def clip_on(device: torch.device) -> np.ndarray:
    frames = torch.cat([event.frames_FHWC for event in walk(device) if isinstance(event, Frames)])
    return (frames * 255).round().byte().numpy()


def test_mini_draws_the_same_clip():
    assert squared_error(clip_on(CUDA), clip_on(CPU)).psnr > 35  # convolutions round to TF32 there


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape) * 0.2


KINDS = {
    "low rank": lambda: LowRank(numbers(4, SIDE), numbers(SIDE, 4), 0.5),
    "hadamard": lambda: Hadamard(
        (numbers(SIDE, 4), numbers(4, SIDE)), (numbers(SIDE, 4), numbers(4, SIDE)), 0.5
    ),
    "kronecker": lambda: Kronecker((numbers(4, 4),), (numbers(SIDE // 4, SIDE // 4),), 0.5),
    "full": lambda: Full(numbers(SIDE, SIDE)),
    "dora": lambda: Dora(LowRank(numbers(4, SIDE), numbers(SIDE, 4), 0.5), numbers(SIDE, 1).abs()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_loras_do_the_same(kind):
    change: Change = KINDS[kind]()
    torch.manual_seed(1)
    model = WanTransformer(replace(DEBUG, text_dim=8, text_len=4)).requires_grad_(False)
    for parameter in model.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.1)
    x, t, text = torch.randn(2, 36, 2, 4, 4), torch.tensor([300.0, 700.0]), torch.randn(2, 4, 8)
    changes = {"blocks.0.self_attn.o.weight": [(change, 0.7)]}
    plain = model(x, t, text)
    with live(model, changes):
        expected = model(x, t, text)
    assert (expected - plain).abs().max() > 1e-3
    model.to(CUDA)
    x, t, text = (tensor.to(CUDA) for tensor in (x, t, text))
    with live(model, changes):
        assert torch.allclose(model(x, t, text).cpu(), expected, atol=1e-3)
    merge_for_good(model, changes)
    assert torch.allclose(model(x, t, text).cpu(), expected, atol=1e-3)


def test_a_lora_learns_the_same(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    draw_noise(images)
    recipe = LoraRecipe().changed(
        images=str(images),
        steps=8,
        batch_size=2,
        warmup=1,
        rank=4,
        dropout=0.25,
        max_pixels=1024,
        length=5,
        variants=1,
        sample_every=8,
    )

    def losses(device: torch.device) -> list[float]:
        place = Place(tmp_path / device.type, tmp_path / f"run_{device.type}", {}, device, torch.float32)
        return [event.loss for event in train_lora(recipe, place) if isinstance(event, Stepped)]

    on_cpu = losses(CPU)
    assert len(on_cpu) == 8
    assert losses(CUDA) == pytest.approx(on_cpu, rel=0.02)  # the VAE's convolutions round to TF32 there
