"""LoRA files of every maker on a release's models."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ..anisora_core.checkpoints.load import read_lora
from ..anisora_core.lora.apply import LoraUse, block_strengths
from . import host
from .inputs import socket, text

log = logging.getLogger(__name__)


class AniSoraLora:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Apply a LoRA in any common format: official, ComfyUI, kohya, diffusers, PEFT, LyCORIS, DoRA, "
        "SAT. Chain several."
    )
    SEARCH_ALIASES = ("LoRA loader", "LyCORIS", "style", "风格", "スタイル")
    RETURN_TYPES = ("MODEL", "MODEL", "STRING")
    RETURN_NAMES = ("model", "low_noise_model", "report")
    FUNCTION = "apply"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        def strength(tip: str) -> tuple[str, dict[str, Any]]:
            limits = {"default": 1.0, "min": -10.0, "max": 10.0, "step": 0.05}
            return ("FLOAT", {**limits, "tooltip": tip})

        return {
            "required": {
                "model": socket("MODEL", "From AniSora Model Loader or another loader."),
                "lora": (host.model_names("loras"), {"tooltip": "A file in models/loras."}),
                "strength": strength("1: as trained. 0: no effect. Negative: the opposite effect."),
            },
            "optional": {
                "low_noise_model": socket("MODEL", "V3.2's low noise model, from the loader."),
                "low_noise_strength": strength("Strength on the low noise model."),
                "blocks": text(
                    "",
                    "Strength factor per transformer block, for example 0-9=0.5,20=0. Blocks that are not listed "
                    "have factor 1.",
                ),
            },
        }

    def apply(
        self,
        model: Any,
        lora: str,
        strength: float,
        low_noise_model: Any = None,
        low_noise_strength: float = 1.0,
        blocks: str = "",
    ) -> dict[str, Any]:
        read = read_lora(lora_file(lora))
        has_two = low_noise_model is not None
        use = LoraUse(read, strength, low_noise_strength if has_two else 0.0, block_strengths(blocks))
        styled = host.with_lora(model, use, "high" if has_two else "")
        low = host.with_lora(low_noise_model, use, "low") if has_two else None
        log.info("%s", read)
        return {"ui": {"text": [str(read)]}, "result": (styled, low, str(read))}

    @classmethod
    def IS_CHANGED(cls, lora: str = "", **_: Any) -> str:
        """A file that was trained again is read again."""
        path = host.model_file("loras", lora)
        return f"{lora} {path.stat().st_mtime_ns if path else 0}"


def lora_file(name: str) -> Path:
    path = host.model_file("loras", name)
    if path is None:
        raise ValueError(f"lora {name!r} is not in models/loras; check the name")
    return path
