"""What a weights file is, from its names and shapes alone; nothing of it is loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open


@dataclass(frozen=True)
class Family:
    """Matches when all of `has` and none of `lacks` are among the names; the first match counts."""

    name: str
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()


FAMILIES = (
    Family(
        "Wan transformer with image branch", ("patch_embedding.weight", "blocks.0.cross_attn.k_img.weight")
    ),
    Family("Wan transformer", ("patch_embedding.weight", "blocks.0.self_attn.q.weight")),
    Family("Wan VAE", ("encoder.conv1.weight", "decoder.head.0.gamma")),
    Family("byte T5 encoder of mini", ("encoder.shared.weight",)),
)


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
    found = [
        f.name for f in FAMILIES if all(k in shapes for k in f.has) and not any(k in shapes for k in f.lacks)
    ]
    return {
        "file": str(path),
        "family": found[0] if found else "unknown",
        "tensors": len(shapes),
        "parameters": sum(prod(shape) for shape in shapes.values()),
        "dtypes": dict(dtypes),
    }
