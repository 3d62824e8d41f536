"""Two networks for one trajectory: one for high noise, one for low (Wan2.2, AniSora V3.2)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..domain.protocols import Denoiser


def with_experts(load: Callable[[str], Denoiser], expert_of: Callable[[float], str]) -> Denoiser:
    """The expert of each noise level, by the name that `expert_of(sigma)` gives.

    `load` takes an expert into memory. The other is dropped first, so that only one is in memory.
    """
    loaded: dict[str, Denoiser] = {}

    def denoise(x: Tensor, sigma: float) -> Tensor:
        name = expert_of(sigma)
        if name not in loaded:
            loaded.clear()
            loaded[name] = load(name)
        return loaded[name](x, sigma)

    return denoise
