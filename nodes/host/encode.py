"""Drawings and clips through the encoders that came along a wire, ours or the host's."""

from __future__ import annotations

import torch
from torch import Tensor

from ...anisora_core.domain.latents import RawLatent
from ...anisora_core.media.tensors import uncentred
from .protocol import ClipVision, ClipVisionOutput, Vae


def encode_image(clip_vision: ClipVision, picture_BHWC: Tensor) -> ClipVisionOutput:
    """A drawing through CLIP_VISION, pulled to its square as Wan does.

    The host's would smooth while it shrinks, so that it gets the square already.
    """
    from ...anisora_core.encoders.clip import squashed

    if not getattr(clip_vision, "is_ours", False):
        picture_BHWC = squashed(picture_BHWC).clamp(0.0, 1.0)
    return clip_vision.encode_image(picture_BHWC, crop=False)


@torch.inference_mode()
def encode_video(vae: Vae, video_BCFHW: Tensor) -> RawLatent:
    """video -1..1 -> latent_BCTHW."""
    return vae.encode(uncentred(video_BCFHW[0]))
