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


class ByteTextEncoder(nn.Module):
    """UTF-8 bytes -> text_BLD. Rows past a prompt's end are zero, as Wan's transformer expects them."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        from transformers import T5Config, T5EncoderModel

        self.config = config
        self.encoder: Any = T5EncoderModel(
            T5Config(
                vocab_size=384,  # 256 bytes, 3 special tokens, ByT5's 125 sentinels
                d_model=config.dim,
                d_kv=config.head_dim,
                d_ff=config.ffn_dim,
                num_layers=config.num_layers,
                num_heads=config.num_heads,
                feed_forward_proj="gated-gelu",
                dropout_rate=0.0,
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
