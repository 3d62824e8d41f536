"""A style: drawings as stills with nothing given, clips made from them, and true clips, with and without keyframes."""

from __future__ import annotations

from collections.abc import Iterator

from ...data.training_folder import Item
from ..lora.recipe import LoraRecipe
from .strategy import Strategy


class Style(Strategy):
    """A drawing is a still and is moved; a clip stays as it is."""

    def kinds_of(self, item: Item, recipe: LoraRecipe) -> Iterator[str]:
        if item.num_frames > 1:
            yield "clip"
            return
        if recipe.step_shares.still_share:
            yield "still"
        if recipe.data.moves and recipe.step_shares.are_moving:
            yield "move"


STRATEGY = Style()
