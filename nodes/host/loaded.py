"""What a loader gives to wires, in whichever form the host has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Loaded:
    """MODEL, CLIP and VAE; CLIP_VISION where the release looks through one; the low noise MODEL where it has two."""

    model: Any
    clip: Any
    vae: Any
    clip_vision: Any = None
    low_noise_model: Any = None
