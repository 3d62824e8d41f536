"""How a model was trained to see text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextRules:
    """`max_length` in tokens. `attends_padding`: the encoder sees padding like text, and its rows are kept; else they are masked,
    and zero after it. `cleans_text`: encoding and spaces are mended first. `is_umt5`: umT5 reads it, else T5.
    """

    max_length: int
    attends_padding: bool = False
    cleans_text: bool = False
    is_umt5: bool = False


WAN_TEXT = TextRules(512, cleans_text=True, is_umt5=True)
V1_TEXT = TextRules(226, attends_padding=True)
