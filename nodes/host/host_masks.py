"""Our masks in the host's words, and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def to_concat_mask(given_BMTHW: Tensor) -> Tensor:
    """The host's concat_mask says 1 where the model generates: the inverse of the given mask."""
    return 1.0 - given_BMTHW


def from_concat_mask(mask_BMTHW: Tensor) -> Tensor:
    return 1.0 - mask_BMTHW


def to_noise_mask(keep_BCTHW: Tensor) -> Tensor:
    """The host's noise_mask, BTHW, says 1 where the sampler works: the inverse of what is kept."""
    return 1.0 - keep_BCTHW[:, 0]


def from_noise_mask(mask: Tensor, shape_THW: Sequence[int]) -> Tensor:
    """A noise_mask of any node, in pixels or latents, one frame or many -> keep_BCTHW at latent size."""
    if mask.ndim < 5:
        mask = mask.reshape(1, 1, -1, *mask.shape[-2:])
    return 1.0 - F.interpolate(mask.float(), tuple(shape_THW), mode="trilinear")
