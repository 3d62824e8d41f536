"""LoRA files of every maker on a release's models."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ..anisora_core.checkpoints.load import read_lora
from ..anisora_core.lora.apply import LoraUse, block_strengths
from .host import host
from .host.protocol import Model
from .inputs import advanced, socket, text

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
                "low_noise_strength": advanced(strength("Strength on the low noise model.")),
                "blocks": advanced(
                    text(
                        "",
                        "Strength factor per transformer block, for example 0-9=0.5,20=0. Blocks that are not listed "
                        "have factor 1.",
                    )
                ),
            },
        }

    def apply(
        self,
        model: Model,
        lora: str,
        strength: float,
        low_noise_model: Model | None = None,
        low_noise_strength: float = 1.0,
        blocks: str = "",
    ) -> dict[str, Any]:
        read = read_lora(lora_file(lora))
        second = 0.0 if low_noise_model is None else low_noise_strength
        use = LoraUse(read, strength, second, block_strengths(blocks))
        styled, report = host.with_lora(model, use, "" if low_noise_model is None else "high")
        low = None
        if low_noise_model is not None:
            low, low_report = host.with_lora(low_noise_model, use, "low")
            if low_report != report:  # without ComfyUI one model is both, and says so at once
                report = f"high noise: {report}\nlow noise: {low_report}"
        log.info("%s", report)
        return {"ui": {"text": [report]}, "result": (styled, low, report)}

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
