"""Text encoders: transformers' T5 encoder behind one call. mini reads bytes (ByT5), so it needs no vocabulary file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TextConfig:
    """A T5 encoder (Raffel et al. 2020, arXiv 1910.10683; bytes: Xue et al. 2022, arXiv 2105.13626)."""

    dim: int = 192
    ffn_dim: int = 512
    num_layers: int = 3
    num_heads: int = 6
    head_dim: int = 32
    max_length: int = 160


@dataclass(frozen=True)
class T5Shape:
    """Sizes of a T5 encoder with gated GELU, as all that AniSora uses have; umT5 has a position bias in every block."""

    vocabulary: int
    dim: int
    ffn_dim: int
    num_layers: int
    num_heads: int
    head_dim: int
    buckets: int = 32
    bias_in_every_block: bool = False


def t5_encoder(shape: T5Shape) -> nn.Module:
    """transformers' T5 or umT5 encoder: input_ids and attention_mask [B, L] -> last_hidden_state [B, L, dim]."""
    from transformers import T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

    model: Any = UMT5EncoderModel if shape.bias_in_every_block else T5EncoderModel
    config: Any = UMT5Config if shape.bias_in_every_block else T5Config
    return model(
        config(
            vocab_size=shape.vocabulary,
            d_model=shape.dim,
            d_kv=shape.head_dim,
            d_ff=shape.ffn_dim,
            num_layers=shape.num_layers,
            num_heads=shape.num_heads,
            relative_attention_num_buckets=shape.buckets,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
        )
    )


class ByteTextEncoder(nn.Module):
    """UTF-8 bytes -> text_BLD. Rows past a prompt's end are zero, as Wan's transformer expects them."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        bytes_and_sentinels = 384  # 256 bytes, 3 special tokens, ByT5's 125 sentinels
        self.encoder: Any = t5_encoder(
            T5Shape(
                bytes_and_sentinels,
                config.dim,
                config.ffn_dim,
                config.num_layers,
                config.num_heads,
                config.head_dim,
            )
        )

    def tokenize(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(token ids, mask), both int64 [B, max_length]; longer prompts lose their end."""
        from transformers import ByT5Tokenizer

        tokens = ByT5Tokenizer()(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.config.max_length,
            return_tensors="pt",
        )
        return tokens["input_ids"], tokens["attention_mask"]

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        features = self.encoder(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        return features * mask_BL[..., None].to(features.dtype)

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        device = next(self.parameters()).device
        ids, mask = self.tokenize(prompts)
        return self(ids.to(device), mask.to(device))
