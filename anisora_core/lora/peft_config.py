"""What PEFT and diffusers keep about a LoRA outside its tensors: `adapter_config.json`, or a JSON in the header.

Names as in PEFT's LoraConfig: `r`, `lora_alpha`, and patterns for layers that differ.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..domain.weights import Weights

CONFIG_FILE = "adapter_config.json"
#: diffusers' key in a safetensors header, with the part of the pipeline before each name inside.
METADATA = "lora_adapter_metadata"
_PARTS = ("transformer_2.", "transformer.")


def read_adapter(weights: Weights) -> dict[str, Any]:
    """The settings beside or inside a LoRA file, {} when there are none. ValueError when they cannot be read."""
    folder = weights.source if weights.source.is_dir() else weights.source.parent
    beside = folder / CONFIG_FILE
    is_peft = weights.source.is_dir() or weights.source.name.startswith("adapter_model")
    try:
        if is_peft and beside.is_file():
            return checked(dict(json.loads(beside.read_text())))
        inside = dict(json.loads(weights.metadata.get(METADATA, "{}")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{weights.source}: its adapter settings cannot be read ({error})") from None
    settings = {name.removeprefix(next(filter(name.startswith, _PARTS), "")): v for name, v in inside.items()}
    try:
        return {"use_rslora": weights.metadata.get("use_rslora", "").lower() == "true", **checked(settings)}
    except ValueError as error:
        raise ValueError(f"{weights.source}: {error}") from None


def checked(settings: dict[str, Any]) -> dict[str, Any]:
    """ValueError when an alpha is not a finite number."""
    patterns = settings.get("alpha_pattern") or {}
    alphas = [*patterns.values()] if isinstance(patterns, dict) else [patterns]
    alpha = settings.get("lora_alpha")
    for value in (*alphas, 1.0 if alpha is None else alpha):
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"alpha {value!r} in its adapter settings is not a number; download them again")
    return settings


def alpha_of(module: str, adapter: Mapping[str, Any]) -> float | None:
    """The alpha of a layer that has no key for it; None means alpha = rank. ValueError for a pattern that is none."""
    for pattern, alpha in (adapter.get("alpha_pattern") or {}).items():
        try:
            is_meant = re.match(rf"(?:.*\.)?(?:{pattern})$", module)
        except re.error as error:
            raise ValueError(
                f"adapter settings: alpha_pattern {pattern!r} is not a valid pattern ({error})"
            ) from None
        if is_meant:
            return float(alpha)
    alpha = adapter.get("lora_alpha")
    return None if alpha is None else float(alpha)


def adapter_settings(ranks: Mapping[str, int], *, has_magnitudes: bool) -> dict[str, Any]:
    """For layers with alpha = rank. Without patterns PEFT would scale the layers of another rank."""
    usual = Counter(ranks.values()).most_common(1)[0][0]
    others = {module: rank for module, rank in ranks.items() if rank != usual}
    return {
        "r": usual,
        "lora_alpha": usual,
        "rank_pattern": others,
        "alpha_pattern": others,
        "target_modules": sorted(ranks),
        "use_dora": has_magnitudes,
    }
