"""What makers keep about a LoRA outside its tensors: PEFT's `adapter_config.json`, diffusers' JSON in the header, or plain
entries of the header.

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
#: Plain header entries that hold the alpha of all layers; the rank is that of the tensors. kohya's `ss_network_alpha` is none of
#: them: its files have an alpha for each layer, and converters that multiply it into the weights keep the entry.
_ALPHAS = ("lora_alpha", "network_alpha", "alpha")


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
    try:
        return {**in_header(weights.metadata), **checked(_without_part(inside))}
    except ValueError as error:
        raise ValueError(f"{weights.source}: {error}") from None


def _without_part(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(next(filter(name.startswith, _PARTS), "")): v for name, v in settings.items()}


def in_header(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The settings among plain header entries. ValueError for an alpha that is not a number."""
    header = _without_part(metadata)
    settings: dict[str, Any] = {"use_rslora": str(header.get("use_rslora", "")).lower() == "true"}
    for name in _ALPHAS:
        text = str(header.get(name, "")).strip()
        if text.lower() in ("", "none", "null"):
            continue
        try:
            settings["lora_alpha"] = float(text)
        except ValueError:
            raise ValueError(f"{name} {text!r} in its header is not a number; download it again") from None
        return checked(settings)
    return settings


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
