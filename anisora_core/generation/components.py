"""The networks that make a clip together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..domain.protocols import ImageEncoder, TextEncoder
from ..families import VideoTransformer, VideoVAE


@dataclass(frozen=True)
class Experts:
    """Two transformers for one trajectory, loaded when their noise level comes, one at a time."""

    high: Callable[[], VideoTransformer]
    low: Callable[[], VideoTransformer]
    #: high or low -> that network without weights, on the meta device.
    bare: Callable[[str], VideoTransformer] | None = None


@dataclass(frozen=True)
class Components:
    """The networks of a release, in eval mode."""

    transformer: VideoTransformer | Experts
    vae: VideoVAE
    text_encoder: TextEncoder
    image_encoder: ImageEncoder | None = None
