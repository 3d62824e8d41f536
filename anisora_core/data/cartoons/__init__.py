"""Rendered cartoon shots: a seed in, a clip out, with its caption, what moves, and every frame as truth."""

from .render import CartoonClip, render
from .shots import TEXT_ACTIONS, Shot, Split, caption_words, make_shot

__all__ = ["TEXT_ACTIONS", "CartoonClip", "Shot", "Split", "caption_words", "make_shot", "render"]
