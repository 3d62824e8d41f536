"""Text and image encoders of the published releases, with what they need to read a prompt or a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import torch

from ..domain.text_rules import V1_TEXT, WAN_TEXT, TextRules
from ..domain.weights import Weights
from ..encoders.byte_t5 import ByteTextEncoder
from ..encoders.clip import ClipImageEncoder, clip_vision
from ..encoders.t5 import T5TextEncoder, t5_encoder
from ..encoders.tokenizers import EMBEDDED, find_tokenizer
from .detect import identify
from .files import open_weights
from .load import load_found


def load_text_encoder(
    path: Path, dtype: torch.dtype, tokenizer_folder: Path | None = None, expected: TextRules | None = None
) -> T5TextEncoder:
    """umT5 under Wan's rules, T5 under AniSora V1's, mini's under its own, on the CPU as `dtype`.

    The tokenizer is found before the weights are read; `tokenizer_folder` is the last place looked at. ValueError for
    another kind of file, for one that is not read by the `expected` rules, or when no tokenizer fits.
    """
    weights = with_tokenizer(open_weights(path))
    found = identify(weights, (t5_encoder, ByteTextEncoder))
    if found.kind.network.build is ByteTextEncoder and expected is None:
        encoder, _ = load_found(found, dtype)
        return cast(ByteTextEncoder, encoder)
    if found.kind.network.build is not t5_encoder:
        raise ValueError(f"{path} is a {found.kind.name}; pick a umT5 or T5 text encoder")
    shape = found.config()
    rules = expected or (WAN_TEXT if shape.bias_in_every_block else V1_TEXT)
    if rules.is_umt5 != shape.bias_in_every_block:
        names = {True: "a umT5 (for Wan)", False: "a T5 (for V1)"}
        raise ValueError(
            f"text encoder {path.name} is {names[not rules.is_umt5]}; pick {names[rules.is_umt5]}"
        )
    tokenizer = find_tokenizer(weights, shape.vocabulary, tokenizer_folder)
    encoder, _ = load_found(found, dtype)
    return T5TextEncoder(encoder, tokenizer.tokenize, rules)


def with_tokenizer(weights: Weights) -> Weights:
    """A checkpoint with its text encoder's sentencepiece model, if it has one, under the name that it has in a file of its own."""
    inside = [name for name in weights.entries if name.endswith(f".{EMBEDDED}")]
    if EMBEDDED in weights.entries or len(inside) != 1:
        return weights
    return replace(weights, entries={**weights.entries, EMBEDDED: weights.entries[inside[0]]})


def load_image_encoder(path: Path, dtype: torch.dtype) -> ClipImageEncoder:
    """CLIP ViT-H's vision tower, on the CPU as `dtype`. ValueError for another kind of file."""
    found = identify(open_weights(path), (clip_vision,))
    if found.kind.network.build is not clip_vision:
        raise ValueError(f"{path} is a {found.kind.name}; pick a CLIP image encoder")
    tower, _ = load_found(found, dtype)
    return ClipImageEncoder(tower, found.config())
