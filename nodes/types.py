"""Types that go along wires: names of our own ones, and the handles our loader returns as MODEL, CLIP and VAE.

Latents on wires are raw (not normalised), as the host's own nodes have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..anisora_core.models.text import ByteTextEncoder
from ..anisora_core.models.wan.transformer import WanTransformer
from ..anisora_core.models.wan.vae import WanVAE
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

    transformer: WanTransformer
    vae: WanVAE
    release: Release
    latent_rgb: Tensor | None = None


@dataclass(frozen=True)
class ClipHandle(Handle):
    """CLIP: what the host's CLIPTextEncode calls."""

    wire = "text encoder"
    works_with = "CLIP Text Encode"

    encoder: ByteTextEncoder

    def tokenize(self, text: str, **_: Any) -> str:
        return text

    def encode_from_tokens_scheduled(self, tokens: str, **_: Any) -> list[list[Any]]:
        return [[self.encoder.encode([tokens]), {"pooled_output": None}]]


@dataclass(frozen=True)
class VaeHandle(Handle):
    """VAE: what the host's VAE Encode and VAE Decode call."""

    wire = "VAE"
    works_with = "AniSora Guide, AniSora Decode, VAE Encode and VAE Decode"

    vae: WanVAE

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
        video = self.vae.decode(latent_BCTHW.to(self._weight), latents_per_chunk=4)
        return (video.movedim(1, -1).float().cpu() / 2.0 + 0.5).clamp(0.0, 1.0)
