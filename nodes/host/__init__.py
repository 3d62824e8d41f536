"""What nodes need of their host, in one small surface with two bodies: ComfyUI, or none.

`Progress(total).update(done, preview_HWC)` also stops the node when the user interrupts.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .images import read_image
from .precision import fast_dtype

if "comfy.model_management" in sys.modules and "folder_paths" in sys.modules:
    from .comfyui import Progress, device, input_file, model_file, tokenizer_folder
else:
    from .standalone import Progress, device, input_file, model_file, tokenizer_folder

__all__ = [
    "Progress",
    "device",
    "encode_video",
    "fast_dtype",
    "fingerprint",
    "from_concat_mask",
    "from_noise_mask",
    "input_file",
    "model_file",
    "read_image",
    "to_concat_mask",
    "to_noise_mask",
    "tokenizer_folder",
]


def fingerprint(files: Sequence[Path]) -> str:
    """Changes when a file does; the host asks for it before it decides whether to run a node again."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file).encode() + (file.read_bytes() if file.is_file() else b"missing"))
    return digest.hexdigest()


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


@torch.inference_mode()
def encode_video(vae: Any, video_BCFHW: Tensor) -> Tensor:
    """video -1..1 -> raw latent_BCTHW through any VAE that takes frames as the host's do."""
    return vae.encode(video_BCFHW[0].movedim(0, -1) * 0.5 + 0.5)
