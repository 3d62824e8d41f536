"""Two networks for one trajectory: one for high noise, one for low (Wan2.2, AniSora V3.2)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..domain.protocols import Denoiser


def with_experts(
    high: Callable[[], Denoiser],
    low: Callable[[], Denoiser],
    boundary: float,
    timestep: Callable[[float], float],
) -> Denoiser:
    """The expert of each noise level: high where `timestep(sigma)`, 0..1000, is at least 1000 * `boundary`.

    `high` and `low` bring an expert into memory. The other is let go of first, so that only one is resident.
    """
    loaded: dict[str, Denoiser] = {}

    def denoise(x: Tensor, sigma: float) -> Tensor:
        name, bring = ("high", high) if timestep(sigma) >= 1000.0 * boundary else ("low", low)
        if name not in loaded:
            loaded.clear()
            loaded[name] = bring()
        return loaded[name](x, sigma)

    return denoise
