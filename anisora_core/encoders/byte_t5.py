"""mini's text encoder: T5 over bytes (ByT5), so that it needs no vocabulary file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..domain.file_kind import Shapes, count
from ..domain.text_rules import TextRules
from .t5 import T5Shape, T5TextEncoder, t5_encoder

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


def byte_ids(text: str) -> list[int]:
    """ByT5's ids: three special ones, then the 256 bytes."""
    return [3 + byte for byte in text.encode()]


#: A motion score with its number, or a word with what ends a part of a sentence.
_WORDS = re.compile(r"motion score: [\d.]+|([^\W\d_]+)[,.:]?")


def known_words(text: str, vocabulary: Sequence[str]) -> str:
    """What of a text is in `vocabulary`, in lower case, and motion scores."""
    words = (word for word in _WORDS.finditer(text.lower()) if word[1] is None or word[1] in vocabulary)
    return " ".join(word[0] for word in words)


def byte_config(shapes: Shapes) -> TextConfig:
    """The sizes; a file of ours states the rest."""
    attention = "encoder.encoder.block.0.layer.0.SelfAttention"
    num_heads = shapes[f"{attention}.relative_attention_bias.weight"][1]
    return TextConfig(
        dim=shapes["encoder.shared.weight"][1],
        ffn_dim=shapes["encoder.encoder.block.0.layer.1.DenseReluDense.wi_0.weight"][0],
        num_layers=count(shapes, "encoder.encoder.block.", ".SelfAttention.q.weight"),
        num_heads=num_heads,
        head_dim=shapes[f"{attention}.q.weight"][0] // num_heads,
    )


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
