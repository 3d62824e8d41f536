"""The base model that a LoRA is trained for, which itself does not change."""

from __future__ import annotations

import sys

import torch

from ...domain.release import Part
from ...families import VideoTransformer
from ...generation.components import Experts
from ...generation.loading import load_transformer
from ...layers.attention import explicit_attention
from ...runtime.gradient_checkpointing import gradient_checkpointing
from ...runtime.placement import Placement
from .recipe import LoraRecipe
from .stages import Place


def load_base_model(recipe: LoraRecipe, place: Place, part: Part) -> VideoTransformer:
    """On its device, except for offloaded blocks."""
    # on a CPU torch's fused attention has a slow backward pass
    more = {"attention": explicit_attention} if place.device.type == "cpu" else {}
    memory = recipe.memory
    placement = Placement(memory.base == "fp8", memory.blocks_to_swap)
    loaded = load_transformer(recipe.model, place.files, place.dtype, place.device, placement, **more)
    if isinstance(loaded, Experts):
        loaded = loaded.high() if part == "high_noise" else loaded.low()
    network = loaded.requires_grad_(False).eval()
    if memory.gradient_checkpointing or memory.blocks_to_swap:
        gradient_checkpointing(list(network.blocks))
    return network


def peak_gigabytes(device: torch.device) -> float:
    """Of the GPU where there is one, else of this process; 0 on Windows, which does not count it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
