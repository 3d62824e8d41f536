"""Our image encoder as CLIP_VISION, which AniSora Guide and ComfyUI's CLIP Vision Encode call."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...anisora_core.domain.protocols import ImageEncoder


@dataclass(frozen=True)
class VisionOutput:
    """What ComfyUI's CLIP Vision Encode returns, as far as image-to-video reads it."""

    penultimate_hidden_states: Tensor


@dataclass(frozen=True)
class VisionHandle:
    encoder: ImageEncoder
    is_ours = True

    def encode_image(self, image: Tensor, crop: bool = True) -> VisionOutput:
        """image_BHWC 0..1; squashed to the encoder's square as Wan does, or its middle square."""
        if crop:
            side = min(image.shape[1:3])
            top, left = (image.shape[1] - side) // 2, (image.shape[2] - side) // 2
            image = image[:, top : top + side, left : left + side]
        return VisionOutput(self.encoder.encode(image[..., :3]))
