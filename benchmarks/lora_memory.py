"""Memory of a LoRA training as planned and as measured: `python benchmarks/lora_memory.py [--json]`.

Plans V3 (Wan2.1 14B) with rank 32 on 768 x 768 stills, fp8 weights and swapped blocks. Then trains full-size blocks of it for a few
steps and compares the memory with the plan for that many: with a GPU all of V3 and the GPU's memory, else the process's.
"""

from __future__ import annotations

import argparse
import math
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from comfyui_anisora.anisora_core.families.wan.config import WAN21_I2V_14B, WanConfig
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.lora.trainable import Adapters, AdapterSettings, acting
from comfyui_anisora.anisora_core.runtime.frozen import Swap, checkpointed, to_scaled_fp8
from comfyui_anisora.anisora_core.runtime.planner import plan_lora
from comfyui_anisora.anisora_core.training.engine.ema import Ema
from comfyui_anisora.anisora_core.training.engine.loop import mixed_precision
from comfyui_anisora.anisora_core.training.engine.optimizers import make_optimizers
from publish import add_options, publish

SIDE, RANK = 768, 32
TOKENS = (SIDE // 16) ** 2
PAGE = 4096


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@contextmanager
def peak_above(start: int, found: dict[str, float], device: torch.device) -> Generator[None]:
    """Peak memory above `start` while the block runs, in GB: what tensors take on a GPU (`reserved`: with what torch keeps
    beside), else the process's, looked at a hundred times a second."""
    if device.type == "cuda":
        yield
        found["measured"] = (torch.cuda.max_memory_allocated(device) - start) / 1e9
        found["reserved"] = torch.cuda.max_memory_reserved(device) / 1e9
        return
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            found["measured"] = max(found.get("measured", 0.0), (resident() - start) / 1e9)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def full_size(config: WanConfig, device: torch.device) -> WanTransformer:
    """Random weights, each block made small before the next is there."""
    with torch.device("meta"):
        network = WanTransformer(config).to(torch.bfloat16)
    for part in network.children():
        for module in part if isinstance(part, torch.nn.ModuleList) else [part]:
            module.to_empty(device=device)
            for parameter in module.parameters():
                torch.nn.init.normal_(parameter, std=0.02)
            if isinstance(part, torch.nn.ModuleList):
                module.requires_grad_(False)
                to_scaled_fp8(module)
    return network.requires_grad_(False)


def measure(config: WanConfig, swap: int, steps: int, device: torch.device) -> dict[str, float]:
    torch.randn(256, 256).matmul(torch.randn(256, 256))  # libraries are there before anything is counted
    start = torch.cuda.memory_allocated(device) if device.type == "cuda" else resident()
    network = full_size(config, device)
    Swap(list(network.blocks)[-swap:], device)
    checkpointed(list(network.blocks))
    adapters = Adapters(network, AdapterSettings(rank=RANK), seed=0).to(device)
    optimizers = make_optimizers(adapters, "adamw", learning_rate=1e-4, weight_decay=0.01)
    ema = Ema(adapters, 0.99)
    found: dict[str, float] = {}
    losses: list[float] = []
    side = SIDE // 8
    with device:
        x = torch.randn(1, config.in_channels, 1, side, side, dtype=torch.bfloat16)
        text, image = torch.randn(1, 512, config.text_dim), torch.randn(1, 257, config.image_dim)
        timestep = torch.tensor([500.0])
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)  # making weights small is not training
    since = time.monotonic()
    with peak_above(start, found, device), acting(network, adapters):
        for step in range(steps):
            with mixed_precision(device):
                loss = network(x, timestep, text, image).float().square().mean()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
            ema.update(adapters, step)
            losses.append(float(loss.detach()))  # waits until the step is done
    assert all(map(math.isfinite, losses)), losses
    return {
        **{f"{name}_gb": round(value, 3) for name, value in found.items()},
        "seconds_per_step": round((time.monotonic() - since) / steps, 1),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    has_gpu = torch.cuda.is_available()
    options.add_argument("--device", default="cuda" if has_gpu else "cpu", type=torch.device)
    options.add_argument("--blocks", type=int, help="full-size blocks to train: 4, all 40 with a GPU")
    options.add_argument("--steps", type=int, default=2)
    add_options(options)
    told = options.parse_args()
    is_gpu = told.device.type == "cuda"
    whole = plan_lora(WAN21_I2V_14B, tokens=TOKENS, rank=RANK, is_fp8=True, swap_blocks=20)
    blocks = told.blocks or (WAN21_I2V_14B.num_layers if is_gpu else 4)
    config, swap = replace(WAN21_I2V_14B, num_layers=blocks), min(20, blocks - 1)
    few = plan_lora(config, tokens=TOKENS, rank=RANK, is_fp8=True, swap_blocks=swap)
    planned = few.device if is_gpu else few.device + few.host  # one memory here
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name(told.device) if is_gpu else "cpu",
        "plan_v3_fp8_swap20": {name: round(value, 2) for name, value in asdict(whole).items()},
        "blocks": blocks,
        "swapped": swap,
        "planned_gb": round(planned, 3),
        **measure(config, swap, told.steps, told.device),
    }
    figures["measured_over_planned"] = round(figures["measured_gb"] / planned, 3)
    publish(figures, "lora_memory_gpu" if is_gpu else "lora_memory", told)


if __name__ == "__main__":
    main()
