"""Text and image encoders of the published releases, with what they need to read a prompt or a picture."""

from __future__ import annotations

from pathlib import Path

import torch

from ..encoders.clip import ClipImageEncoder, clip_vision
from ..encoders.t5 import V1_TEXT, WAN_TEXT, T5TextEncoder, TextRules, t5_encoder
from ..encoders.tokenizers import find_tokenizer
from .detect import Found, identify
from .files import open_weights
from .load import load_found


def load_text_encoder(
    path: Path, dtype: torch.dtype, tokenizer_folder: Path | None = None, expected: TextRules | None = None
) -> T5TextEncoder:
    """umT5 under Wan's rules, T5 under AniSora V1's, on the CPU as `dtype`.

    The tokenizer is found before the weights are read; `tokenizer_folder` is the last place looked at. ValueError for
    another kind of file or not the `expected` one of the two, or when no tokenizer fits.
    """
    weights = open_weights(path)
    found = identify(weights)
    if not is_built_by(found, t5_encoder):
        raise ValueError(f"{path} is a {found.family.name}; pick a umT5 or T5 text encoder")
    shape = found.config()
    rules = WAN_TEXT if shape.bias_in_every_block else V1_TEXT
    if expected is not None and rules != expected:
        names = {WAN_TEXT: "a umT5, which Wan reads", V1_TEXT: "a T5, which V1 reads"}
        raise ValueError(f"text encoder {path.name} is {names[rules]}; pick {names[expected]}")
    tokenizer = find_tokenizer(weights, shape.vocabulary, tokenizer_folder)
    encoder, _ = load_found(found, dtype)
    return T5TextEncoder(encoder, tokenizer.tokenize, rules)


def load_image_encoder(path: Path, dtype: torch.dtype) -> ClipImageEncoder:
    """CLIP ViT-H's vision tower, on the CPU as `dtype`. ValueError for another kind of file."""
    found = identify(open_weights(path))
    if not is_built_by(found, clip_vision):
        raise ValueError(f"{path} is a {found.family.name}; pick a CLIP image encoder")
    tower, _ = load_found(found, dtype)
    return ClipImageEncoder(tower, found.config())


def is_built_by(found: Found, build: object) -> bool:
    return found.family.network is not None and found.family.network.build is build
