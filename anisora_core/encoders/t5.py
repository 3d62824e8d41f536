"""Text encoders: transformers' T5 and umT5 encoders behind one call.

B prompts, L tokens, D features.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..domain.text_rules import TextRules

#: A text's token ids, without the one that ends a text.
Tokenize = Callable[[str], Sequence[int]]
PAD, END = 0, 1
#: Where what a release adds to a prompt begins, in front of the artist's own scores at the earliest.
_TAIL = re.compile(r"\b(?:aesthetic score|motion score|camera motion):", re.IGNORECASE)
log = logging.getLogger(__name__)


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


def clean_text(text: str) -> str:
    """As Wan's authors clean prompts: mended encoding, HTML entities as what they mean (twice), single spaces."""
    try:
        import ftfy
    except ImportError:
        raise ValueError("prompts of this release need the package ftfy; run: pip install ftfy") from None
    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


class T5TextEncoder(nn.Module):
    """Prompts -> text_BLD, L = `rules.max_length`.

    Of a longer prompt the end of its own words is cut, and said in the log; never the scores after them nor the id that ends it.
    """

    def __init__(self, encoder: nn.Module, tokenize: Tokenize, rules: TextRules) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.ids_of, self.rules = tokenize, rules

    def tokenize(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(token ids, mask), both int64 [B, max_length]; the mask is 1 on text and its end."""
        length = self.rules.max_length
        ids = torch.full((len(prompts), length), PAD)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            text = clean_text(prompt) if self.rules.cleans_text else prompt
            tokens = [*self._ids_within(text, length - 1), END]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        return ids, mask

    def _ids_within(self, text: str, most: int) -> list[int]:
        ids = list(self.ids_of(text))
        if len(ids) <= most:
            return ids
        log.warning(
            "prompt: it has %d tokens, and the release reads %d; the end of its words is cut: make it shorter (%.60s...)",
            len(ids),
            most,
            text,
        )
        for found in _TAIL.finditer(text):
            tail = list(self.ids_of(text[found.start() :]))
            if len(tail) <= most // 2:
                return list(self.ids_of(text[: found.start()]))[: most - len(tail)] + tail
        return ids[:most]

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        if self.rules.attends_padding:
            mask_BL = torch.ones_like(mask_BL)
        features = self.encoder(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        return features * mask_BL[..., None].to(features.dtype)

    def encode(self, prompts: Sequence[str]) -> Tensor:
        return self.encode_tokens(*self.tokenize(prompts))

    @torch.inference_mode()
    def encode_tokens(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """What no row attends to is not computed: a short prompt costs its own length."""
        device = next(self.parameters()).device
        ids, mask = ids_BL.to(device), mask_BL.to(device)
        longest = self.rules.max_length if self.rules.attends_padding else int(mask.sum(1).max())
        text = self(ids[:, :longest], mask[:, :longest])
        return F.pad(text, (0, 0, 0, self.rules.max_length - longest))
