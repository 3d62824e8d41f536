"""AniSora without any host: networks, conditioning, samplers, training. Names load on first use."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
_PUBLIC = {
    "Keyframe": "domain.conditions",
    "MotionArea": "domain.conditions",
    "Timeline": "domain.conditions",
    "Request": "generate",
    "generate": "generate",
    "find_release": "releases",
    "load_mini": "checkpoints.load",
}
__all__ = ["Keyframe", "MotionArea", "Request", "Timeline", "find_release", "generate", "load_mini"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"anisora_core has no {name!r}")
    return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
