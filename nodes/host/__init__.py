"""What nodes need of their host, in one small surface with two bodies: ComfyUI, or none.

`Progress(total).update(done, preview_HWC)` also stops the node when the user interrupts.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from .images import read_image

if "comfy.model_management" in sys.modules or "folder_paths" in sys.modules:
    from .comfyui import Progress, device, input_file
else:
    from .standalone import Progress, device, input_file

__all__ = [
    "Progress",
    "device",
    "encode_video",
    "from_concat_mask",
    "input_file",
    "read_image",
    "to_concat_mask",
]


def to_concat_mask(given_BMTHW: Tensor) -> Tensor:
    """The host's concat_mask says 1 where the model generates: the inverse of the given mask."""
    return 1.0 - given_BMTHW


def from_concat_mask(mask_BMTHW: Tensor) -> Tensor:
    return 1.0 - mask_BMTHW


@torch.inference_mode()
def encode_video(vae: Any, video_BCFHW: Tensor) -> Tensor:
    """video -1..1 -> raw latent_BCTHW through any VAE that takes frames as the host's do."""
    return vae.encode(video_BCFHW[0].movedim(0, -1) * 0.5 + 0.5)
