"""AniSora without any host: networks, conditioning, samplers, training. Names load on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .domain.conditions import Keyframe, MotionArea, Timeline
    from .generation.loading import load_mini
    from .generation.pipeline import Request, make_clip
    from .releases import find_release

__version__ = "0.2.0"
__all__ = ["Keyframe", "MotionArea", "Request", "Timeline", "find_release", "load_mini", "make_clip"]
_HOMES = {
    "domain.conditions": ("Keyframe", "MotionArea", "Timeline"),
    "generation.pipeline": ("Request", "make_clip"),
    "releases": ("find_release",),
    "generation.loading": ("load_mini",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f".{home}", __name__), name)
    raise AttributeError(f"anisora_core has no {name!r}")
