"""Less memory, same result: scaled fp8, swapped blocks and checkpointing against the plain network."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.families.wan.config import DEBUG, WAN21_I2V_14B
from comfyui_anisora.anisora_core.families.wan.memory import WanMemory
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.lora.apply import live
from comfyui_anisora.anisora_core.lora.changes import Dora, LowRank
from comfyui_anisora.anisora_core.lora.trainable import Adapters, AdapterSettings, acting
from comfyui_anisora.anisora_core.runtime.block_offload import BlockOffload
from comfyui_anisora.anisora_core.runtime.gradient_checkpointing import gradient_checkpointing
from comfyui_anisora.anisora_core.runtime.planner import plan_lora
from comfyui_anisora.anisora_core.runtime.scaled_fp8 import FP8, to_scaled_fp8

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
    ),
]


def network(layers: int = 4) -> WanTransformer:
    torch.manual_seed(0)
    model = WanTransformer(replace(DEBUG, text_dim=8, text_len=4, num_layers=layers)).requires_grad_(False)
    for parameter in model.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.1)
    return model


def gradients(model: WanTransformer, device: str = "cpu") -> list[torch.Tensor]:
    adapters = Adapters(model, AdapterSettings(rank=4), seed=0).to(device)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in adapters.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.05)
    x, t, text = torch.randn(2, 36, 2, 4, 4), torch.tensor([300.0, 700.0]), torch.randn(2, 4, 8)
    for _ in range(2):  # a second step starts where the first left the blocks
        adapters.zero_grad()
        with acting(model, adapters):
            model(x.to(device), t.to(device), text.to(device)).square().mean().backward()
    return [parameter.grad.cpu() for parameter in adapters.parameters()]


def assert_equal(one: list[torch.Tensor], other: list[torch.Tensor], tolerance: float) -> None:
    for a, b in zip(one, other, strict=True):
        assert torch.allclose(a, b, atol=tolerance * float(b.abs().max()))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("count", [1, 3, 4])
def test_swapped_and_checkpointed_blocks_give_the_same_gradients(device, count):
    expected = gradients(network().to(device), device)
    model = network().to(device)
    swap = BlockOffload(model.blocks[-count:], torch.device(device))
    gradient_checkpointing(model.blocks)
    assert all(p.device.type == "cpu" for block in swap.blocks for p in block.parameters())
    assert_equal(gradients(model, device), expected, 1e-6 if device == "cuda" else 0.0)


@pytest.mark.parametrize("device", DEVICES)
def test_a_dora_acts_on_swapped_blocks(device):
    def out(model: WanTransformer) -> torch.Tensor:
        torch.manual_seed(1)
        x, t, text = torch.randn(1, 36, 1, 4, 4), torch.tensor([500.0]), torch.randn(1, 4, 8)
        with torch.no_grad():
            return model(x.to(device), t.to(device), text.to(device))

    model = network().to(device)
    dim = model.config.dim
    turned = Dora(LowRank(torch.randn(4, dim), torch.randn(dim, 4), 0.5), torch.rand(dim, 1))
    changes = {"blocks.1.self_attn.o.weight": [(turned, 0.7)]}
    plain = out(model)
    with live(model, changes):
        expected = out(model)
    assert not torch.allclose(expected, plain)
    BlockOffload(list(model.blocks), torch.device(device))
    with live(model, changes):
        assert torch.allclose(out(model), expected, atol=1e-6)


def test_two_blocks_are_there_at_most():
    model = network(6)
    swap = BlockOffload(model.blocks, torch.device("cpu"))
    gradient_checkpointing(model.blocks)
    alive: list[weakref.ref] = []
    most = 0
    bring = swap._copy

    def counting(index):
        nonlocal most
        weights = bring(index)
        alive.append(weakref.ref(weights["ffn.0.weight"]))
        gc.collect()
        most = max(most, sum(reference() is not None for reference in alive))
        return weights

    swap._copy = counting
    gradients(model)
    assert len(alive) > 12  # each is brought again and again
    assert most <= 3  # the one at work, the next, and the one whose gradients are on their way


def test_fp8_weights_are_a_quarter_of_float32_and_close():
    plain, small = network(), network()
    to_scaled_fp8(small.blocks)
    weight = small.blocks[0].ffn[0].weight
    assert weight.dtype == FP8
    assert small.patch_embedding.weight.dtype == torch.float32
    x, t, text = torch.randn(1, 36, 1, 4, 4), torch.tensor([500.0]), torch.randn(1, 4, 8)
    assert (
        torch.nn.functional.cosine_similarity(plain(x, t, text).flatten(), small(x, t, text).flatten(), dim=0)
        > 0.99
    )
    expected = gradients(small)
    swapped = network()
    to_scaled_fp8(swapped.blocks)
    BlockOffload(swapped.blocks[1:], torch.device("cpu"))
    gradient_checkpointing(swapped.blocks)
    assert_equal(gradients(swapped), expected, 0.0)
    similar = [
        torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0)
        for a, b in zip(gradients(plain), expected, strict=True)
        if b.abs().max() > 0
    ]
    assert min(similar) > 0.9


@pytest.mark.parametrize("has_image", [False, True])
def test_a_plan_counts_what_blocks_keep(has_image):
    config = replace(
        WAN21_I2V_14B,
        dim=512,
        num_heads=4,
        ffn_dim=1280,
        text_dim=64,
        image_dim=64,
        has_image_branch=has_image,
    )

    def kept(layers: int) -> int:
        model = WanTransformer(replace(config, num_layers=layers)).to(torch.bfloat16).requires_grad_(False)
        adapters = Adapters(model, AdapterSettings(rank=16), seed=0)
        own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *adapters.parameters())}
        found: dict[int, torch.Tensor] = {}

        def keep(value: torch.Tensor) -> torch.Tensor:
            found[value.untyped_storage().data_ptr()] = value
            return value

        x = torch.randn(1, 36, 1, 64, 64, dtype=torch.bfloat16)
        image = torch.randn(1, 257, 64) if has_image else None
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value),
            torch.autocast("cpu", torch.bfloat16),
            acting(model, adapters),
        ):
            out = model(x, torch.tensor([500.0]), torch.randn(1, 512, 64), image)
        assert out.requires_grad
        return sum(value.untyped_storage().nbytes() for place, value in found.items() if place not in own)

    assert WanMemory(config).activations(1024, 16) == pytest.approx(kept(2) - kept(1), rel=0.1)


def test_a_plan_shrinks_with_every_means_to_save_memory():
    def gigabytes(**changes) -> float:
        return plan_lora(
            WanMemory(WAN21_I2V_14B), **{"tokens": 2304, "rank": 32, "is_fp8": False} | changes
        ).device

    assert gigabytes(is_fp8=True) < gigabytes() < gigabytes(checkpointing=False)
    assert gigabytes(swap_blocks=20) < gigabytes(swap_blocks=5) < gigabytes()
    assert gigabytes(rank=8) < gigabytes(optimizer_bytes=2) < gigabytes()
