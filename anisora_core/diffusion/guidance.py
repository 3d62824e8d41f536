"""Wrappers that take a denoiser and return one, so they compose and samplers stay as they are."""

from __future__ import annotations

from torch import Tensor

from ..domain.conditions import Hold
from ..domain.protocols import Denoiser


def with_cfg(cond: Denoiser, uncond: Denoiser, scale: float) -> Denoiser:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598); at scale 1 the second pass is skipped."""
    if scale == 1.0:
        return cond

    def guided(x: Tensor, sigma: float) -> Tensor:
        base = uncond(x, sigma)
        return base + scale * (cond(x, sigma) - base)

    return guided


def with_hold(denoise: Denoiser, hold: Hold, noise: Tensor) -> Denoiser:
    """Way `hold`: where kept, the model sees the held latents at this noise level, and its estimate is theirs."""

    def held(x: Tensor, sigma: float) -> Tensor:
        kept = hold.latent_BCTHW.to(x) * (1.0 - sigma) + noise.to(x) * sigma
        keep = hold.keep_BCTHW.to(x)
        denoised = denoise(x + keep * (kept - x), sigma)
        return denoised + keep * (hold.latent_BCTHW.to(x) - denoised)

    return held
