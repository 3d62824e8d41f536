"""Text encoders: transformers' T5 encoder behind one call. mini reads bytes (ByT5), so it needs no vocabulary file.

B prompts, L tokens, D features.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: A text's token ids, without the one that ends a text.
Tokenize = Callable[[str], Sequence[int]]
PAD, END = 0, 1
#: Added to the logit of a byte that a head shall not see; contents move logits by a few units.
_UNSEEN = -12.0


@dataclass(frozen=True)
class TextConfig:
    """A T5 encoder (Raffel et al. 2020, arXiv 1910.10683; bytes: Xue et al. 2022, arXiv 2105.13626)."""

    dim: int = 192
    ffn_dim: int = 512
    num_layers: int = 3
    num_heads: int = 6
    head_dim: int = 32
    max_length: int = 160
    #: Other words are left out of a prompt, since bytes that no training saw tear a clip apart; none: all are read.
    vocabulary: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextRules:
    """How a model was trained to see text.

    `attends_padding`: the encoder sees padding like text, and its rows are kept; else they are masked, and zero after it.
    """

    max_length: int
    attends_padding: bool = False
    cleans_text: bool = False


WAN_TEXT = TextRules(512, cleans_text=True)
V1_TEXT = TextRules(226, attends_padding=True)


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
    """Prompts -> text_BLD, L = `rules.max_length`. A longer prompt loses its end, never the id that ends it."""

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
            tokens = [*self.ids_of(text)[: length - 1], END]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        return ids, mask

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


def byte_ids(text: str) -> list[int]:
    """ByT5's ids: three special ones, then the 256 bytes."""
    return [3 + byte for byte in text.encode()]


#: A motion score with its number, or a word with what ends a part of a sentence.
_WORDS = re.compile(r"motion score: [\d.]+|([^\W\d_]+)[,.:]?")


def known_words(text: str, vocabulary: Sequence[str]) -> str:
    """What of a text is in `vocabulary`, in lower case, and motion scores."""
    words = (word for word in _WORDS.finditer(text.lower()) if word[1] is None or word[1] in vocabulary)
    return " ".join(word[0] for word in words)


class ByteTextEncoder(T5TextEncoder):
    """mini's: UTF-8 bytes, masked and zero after the text, as Wan's transformer expects them."""

    def __init__(self, config: TextConfig) -> None:
        bytes_and_sentinels = 384  # 256 bytes, 3 special tokens, ByT5's 125 sentinels
        shape = T5Shape(
            bytes_and_sentinels,
            config.dim,
            config.ffn_dim,
            config.num_layers,
            config.num_heads,
            config.head_dim,
        )
        super().__init__(t5_encoder(shape), self.ids_of_known, TextRules(config.max_length))
        self.config = config

    def ids_of_known(self, text: str) -> list[int]:
        return byte_ids(known_words(text, self.config.vocabulary) if self.config.vocabulary else text)


#: How a head may see a byte at a distance (negative: before): the byte before, the one after, all before, all after.
_VIEWS: tuple[Callable[[int], float], ...] = (
    lambda distance: 0.0 if distance == -1 else _UNSEEN,
    lambda distance: 0.0 if distance == 1 else _UNSEEN,
    lambda distance: max(float(distance), _UNSEEN) if distance <= 0 else _UNSEEN,
    lambda distance: max(float(-distance), _UNSEEN) if distance >= 0 else _UNSEEN,
)


@torch.no_grad()
def init_byte_positions(text_encoder: ByteTextEncoder) -> None:
    """Heads begin as `_VIEWS`, the nearer bytes the more; further heads keep T5's start, which sees all bytes alike.

    From T5's start alone mini never learned order: it read a motion score of 0.5 like one of 5.0.
    """
    attention = text_encoder.encoder.encoder.block[0].layer[0].SelfAttention
    longest = text_encoder.config.max_length
    distances = sorted(range(-longest, longest + 1), key=abs, reverse=True)  # the nearest of a bucket counts
    buckets = attention._relative_position_bucket(
        torch.tensor(distances),
        bidirectional=True,
        num_buckets=attention.relative_attention_num_buckets,
        max_distance=attention.relative_attention_max_distance,
    ).tolist()
    bias = attention.relative_attention_bias.weight
    for head, view in enumerate(_VIEWS[: attention.n_heads]):
        for bucket, distance in zip(buckets, distances, strict=True):
            bias[bucket, head] = view(distance)
