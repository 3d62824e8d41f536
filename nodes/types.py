"""Types that go along wires: names of our own ones, and the handles our loader returns as MODEL, CLIP and VAE.

Latents on wires are raw (not normalised), as the host's own nodes have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..anisora_core.checkpoints.components import Experts, Transformer, VideoVAE
from ..anisora_core.domain.protocols import ImageEncoder, TextEncoder
from ..anisora_core.generate import decode_frames
from ..anisora_core.releases import Release

KEYFRAMES = "ANISORA_KEYFRAMES"
TIMELINE = "ANISORA_TIMELINE"
MOTION_AREA = "ANISORA_MOTION_AREA"
RELEASE = "ANISORA_RELEASE"


class Handle:
    """What the host's nodes find missing in our objects is said in one line instead of a bare AttributeError."""

    wire: ClassVar[str]
    works_with: ClassVar[str]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the AniSora {self.wire} has no {name!r}: in this version it works with {self.works_with} only; "
            "use that instead of the host's samplers, LoRA and patch nodes"
        )


@dataclass(frozen=True)
class ModelHandle(Handle):
    """MODEL: the transformer with the latent statistics of its VAE, and a linear latent -> RGB map for previews."""

    wire = "model"
    works_with = "the node AniSora Sampler"

    transformer: Transformer | Experts
    vae: VideoVAE
    release: Release
    latent_rgb: Tensor | None = None


@dataclass(frozen=True)
class ClipHandle(Handle):
    """CLIP: what the host's CLIPTextEncode calls."""

    wire = "text encoder"
    works_with = "CLIP Text Encode"

    encoder: TextEncoder

    def tokenize(self, text: str, **_: Any) -> str:
        return text

    def encode_from_tokens_scheduled(self, tokens: str, **_: Any) -> list[list[Any]]:
        return [[self.encoder.encode([tokens]), {"pooled_output": None}]]


@dataclass(frozen=True)
class VaeHandle(Handle):
    """VAE: what the host's VAE Encode and VAE Decode call."""

    wire = "VAE"
    works_with = "AniSora Guide, AniSora Decode, VAE Encode and VAE Decode"

    vae: VideoVAE

    @property
    def _weight(self) -> Tensor:
        return next(self.vae.parameters())

    @torch.inference_mode()
    def encode(self, pixels_FHWC: Tensor) -> Tensor:
        """Frames 0..1 -> raw latent_BCTHW, B = 1. ValueError for a length or size off the grid."""
        self.vae.grid.check_size(*pixels_FHWC.shape[1:3])
        video = (pixels_FHWC[..., :3].movedim(-1, 0)[None] * 2.0 - 1.0).to(self._weight)
        return self.vae.encode(video).mode().float().cpu()

    @torch.inference_mode()
    def decode(self, latent_BCTHW: Tensor, **_: Any) -> Tensor:
        """Raw latent -> frames_BFHWC 0..1."""
        latents = latent_BCTHW.to(self._weight.device)
        clips = [
            torch.cat(list(decode_frames(self.vae, self.vae.normalize(one)))) for one in latents.split(1)
        ]
        return torch.stack(clips)


@dataclass(frozen=True)
class VisionOutput:
    """What the host's CLIP Vision Encode returns, as far as image-to-video reads it."""

    penultimate_hidden_states: Tensor


@dataclass(frozen=True)
class VisionHandle(Handle):
    """CLIP_VISION: what AniSora Guide and the host's CLIP Vision Encode call."""

    wire = "CLIP vision"
    works_with = "AniSora Guide and CLIP Vision Encode"

    encoder: ImageEncoder

    def encode_image(self, image: Tensor, crop: bool = True) -> VisionOutput:
        """image_BHWC 0..1; squashed to the encoder's square as Wan does, or its middle square."""
        if crop:
            side = min(image.shape[1:3])
            top, left = (image.shape[1] - side) // 2, (image.shape[2] - side) // 2
            image = image[:, top : top + side, left : left + side]
        return VisionOutput(self.encoder.encode(image[..., :3]))
