"""What a weights file is, from its names and shapes alone; nothing of it is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open


@dataclass(frozen=True)
class Family:
    """Matches when all of `has` and none of `lacks` are among the names."""

    name: str
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()


FAMILIES = (
    Family(
        "Wan transformer with image branch", ("patch_embedding.weight", "blocks.0.cross_attn.k_img.weight")
    ),
    Family(
        "Wan transformer",
        ("patch_embedding.weight", "blocks.0.self_attn.q.weight"),
        lacks=("blocks.0.cross_attn.k_img.weight",),
    ),
    Family("Wan VAE", ("encoder.conv1.weight", "decoder.head.0.gamma")),
    Family(
        "CogVideoX transformer (SAT)",
        ("model.diffusion_model.mixins.patch_embed.text_proj.weight",),
    ),
    Family("CogVideoX transformer (diffusers)", ("patch_embed.text_proj.weight",)),
    Family(
        "CogVideoX VAE (SAT)", ("encoder.mid.block_1.norm1.weight", "decoder.norm_out.conv_y.conv.weight")
    ),
    Family(
        "CogVideoX VAE (diffusers)",
        ("encoder.mid_block.resnets.0.norm1.weight", "decoder.norm_out.conv_y.conv.weight"),
    ),
    Family("byte T5 encoder of mini", ("encoder.shared.weight",)),
)


def family_of(names: Collection[str]) -> str:
    """The one family that fits, or "unknown"."""
    for family in FAMILIES:
        if all(name in names for name in family.has) and not any(name in names for name in family.lacks):
            return family.name
    return "unknown"


def describe(path: Path) -> dict[str, Any]:
    """Family, tensors, parameters and dtypes of a safetensors file. ValueError when it is missing or damaged."""
    if not path.is_file():
        raise ValueError(f"file {path} does not exist; check its name and folder")
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
            dtypes = Counter(str(part.get_dtype()) for part in slices.values())
    except (SafetensorError, OSError) as error:
        raise ValueError(f"file {path} is no whole safetensors file ({error}); download it again") from None
    return {
        "file": str(path),
        "family": family_of(shapes),
        "tensors": len(shapes),
        "parameters": sum(prod(shape) for shape in shapes.values()),
        "dtypes": dict(dtypes),
    }
