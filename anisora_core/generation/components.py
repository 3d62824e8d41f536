"""The networks that make a clip together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..domain.protocols import ImageEncoder, TextEncoder
from ..encoders.t5 import ByteTextEncoder
from ..families.cogvideox.transformer import CogVideoXTransformer
from ..families.cogvideox.vae import CogVideoXVAE
from ..families.wan.transformer import WanTransformer
from ..families.wan.vae import WanVAE

Transformer = WanTransformer | CogVideoXTransformer
VideoVAE = WanVAE | CogVideoXVAE


@dataclass(frozen=True)
class Experts:
    """Two transformers for one trajectory, brought into memory when their noise level comes, one at a time."""

    high: Callable[[], Transformer]
    low: Callable[[], Transformer]


@dataclass(frozen=True)
class Components:
    """The networks of a release, in eval mode."""

    transformer: Transformer | Experts
    vae: VideoVAE
    text_encoder: TextEncoder
    image_encoder: ImageEncoder | None = None


@dataclass(frozen=True)
class Mini(Components):
    """Those of the model in the box."""

    transformer: WanTransformer
    vae: WanVAE
    text_encoder: ByteTextEncoder
