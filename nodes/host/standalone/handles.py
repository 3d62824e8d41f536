"""What goes along wires as MODEL, CLIP and VAE without a host: our networks, called as its nodes call its own.

Latents on wires are raw (not normalised), as the host's are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from ....anisora_core.domain.latents import RawLatent
from ....anisora_core.domain.protocols import TextEncoder
from ....anisora_core.families import VideoTransformer, VideoVAE
from ....anisora_core.generation.components import Experts
from ....anisora_core.generation.pipeline import decode_frames
from ....anisora_core.lora.apply import LoraUse
from ....anisora_core.media.tensors import centred
from ..protocol import Conditioning, Tokens, conditioning_entry


@dataclass(frozen=True)
class ModelHandle:
    """MODEL: the transformer with the latent statistics of its VAE, and the LoRAs on it."""

    transformer: VideoTransformer | Experts
    vae: VideoVAE
    loras: tuple[LoraUse, ...] = ()


@dataclass(frozen=True)
class ClipHandle:
    """CLIP: what the host's CLIPTextEncode calls."""

    encoder: TextEncoder

    def tokenize(self, text: str) -> Tokens:
        return Tokens(text)

    def encode_from_tokens_scheduled(self, tokens: Tokens) -> Conditioning:
        text_BLD = self.encoder.encode([cast(str, tokens)])
        return [conditioning_entry(text_BLD, {"pooled_output": None})]


@dataclass(frozen=True)
class VaeHandle:
    """VAE: what the host's VAE Encode and VAE Decode call."""

    vae: VideoVAE

    @property
    def _weight(self) -> Tensor:
        return next(self.vae.parameters())

    @torch.inference_mode()
    def encode(self, pixels_FHWC: Tensor) -> RawLatent:
        """Frames 0..1 -> raw latent_BCTHW, B = 1. ValueError for a length or size off the grid."""
        self.vae.grid.check_size(*pixels_FHWC.shape[1:3])
        video = centred(pixels_FHWC[..., :3])[None].to(self._weight)
        return RawLatent(self.vae.encode_in_runs(video).mode().float().cpu())

    @torch.inference_mode()
    def decode(self, latent_BCTHW: RawLatent) -> Tensor:
        """Raw latent -> frames_BFHWC 0..1."""
        latents = latent_BCTHW.to(self._weight.device)
        clips = [
            torch.cat(list(decode_frames(self.vae, self.vae.normalize(RawLatent(one)))))
            for one in latents.split(1)
        ]
        return torch.stack(clips)
