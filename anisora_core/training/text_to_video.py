"""mini's transformer and its text encoder, which learn together."""

from __future__ import annotations

from torch import nn

from ..encoders.byte_t5 import ByteTextEncoder
from ..families.wan.transformer import WanTransformer


class TextToVideo(nn.Module):
    """The two networks as one module."""

    def __init__(self, transformer: WanTransformer, text_encoder: ByteTextEncoder) -> None:
        super().__init__()
        self.transformer, self.text_encoder = transformer, text_encoder
