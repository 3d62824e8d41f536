"""Masks over space and time: the artist's motion area, the given mask, and its packing into latent channels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..domain.conditions import MaskResize, MotionArea
from ..domain.grid import LatentGrid
from ..media.resize import stretch_mask


def fit_area(area: MotionArea, num_frames: int, height: int, width: int) -> Tensor:
    """Area of any size of the clip's shape (within 2 %) -> area_FHW of the clip's size, then feathered.

    Raises ValueError for another shape, for neither one frame nor one per clip frame, and for what is not a mask.
    """
    mask = area.area_FHW.float()
    if mask.ndim == 2:
        mask = mask[None]
    if mask.ndim != 3 or mask.shape[0] not in (1, num_frames):
        raise ValueError(
            f"motion_area: the mask has shape {tuple(area.area_FHW.shape)}; use one frame or {num_frames}, one per frame"
        )
    if not torch.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1:
        raise ValueError(
            "motion_area: the mask has values outside 0..1; use white for what may move, black for the rest"
        )
    source_h, source_w = mask.shape[1:]
    if abs(source_w / source_h - width / height) > 0.02 * width / height:
        raise ValueError(
            f"motion_area: the mask is {source_w}x{source_h}, which is not the clip's aspect ratio ({width}x{height}); "
            f"paint it on the resized keyframe or choose a size of the same aspect ratio"
        )
    if (source_h, source_w) != (height, width):
        mask = stretch_mask(mask, (height, width))
    return feather(mask, area.feather).expand(num_frames, -1, -1)


def feather(mask_FHW: Tensor, radius: float) -> Tensor:
    """Soften the edge inwards and outwards by about `radius` pixels (Gaussian); below 0.1 it stays as it is."""
    if radius < 0.1:
        return mask_FHW
    reach = max(1, round(2 * radius))
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / radius) ** 2)
    kernel = kernel / kernel.sum()
    x = F.pad(mask_FHW[:, None], (reach,) * 4, mode="replicate")
    x = F.conv2d(F.conv2d(x, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return x[:, 0].clamp(0.0, 1.0)


def pack_mask(given_mask_FHW: Tensor, grid: LatentGrid, resize: MaskResize = "average") -> Tensor:
    """Given mask per pixel frame -> mask_MTHW at latent size, M = frames per latent.

    The first frame is a latent of its own and fills all channels; frame i >= 1 is channel (i - 1) % M of latent
    1 + (i - 1) // M (Wan2.1 image2video). `average`: the share of each latent's pixels; `nearest` and `bicubic`: as
    AniSora anymask's programs for masks in space and in time (bicubic overshoots at edges).
    """
    per_latent = grid.frames_per_latent
    mask, stride = given_mask_FHW[:, None], grid.pixels_per_latent
    if resize == "average":
        small = F.avg_pool2d(mask, stride)[:, 0]
    else:
        small = F.interpolate(mask, [side // stride for side in mask.shape[2:]], mode=resize)[:, 0]
    head = small[:1].expand(per_latent, -1, -1)
    return torch.cat([head, small[1:]]).unflatten(0, (-1, per_latent)).transpose(0, 1)


def latent_area(area_FHW: Tensor, grid: LatentGrid) -> Tensor:
    """Area per pixel frame -> 1THW over latents, 1 where most of a latent's pixels may move in any of its frames."""
    packed = pack_mask(area_FHW, grid)
    return (packed.amax(0, keepdim=True) > 0.5).float()
