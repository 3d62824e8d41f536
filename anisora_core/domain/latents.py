"""A latent is either raw, as a VAE writes and reads it and as ComfyUI's wires carry it, or normalised, as networks see it.

Both are BCTHW. Only `VideoVAE.normalize` and `denormalize` go from one to the other.
"""

from __future__ import annotations

from typing import NewType, TypeVar

from torch import Tensor

RawLatent = NewType("RawLatent", Tensor)
NormalizedLatent = NewType("NormalizedLatent", Tensor)
#: One of the two, the same throughout a guide.
Latent = TypeVar("Latent", RawLatent, NormalizedLatent)
