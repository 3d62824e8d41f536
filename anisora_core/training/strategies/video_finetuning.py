"""Video fine-tuning: true clips, with drawings as stills among them (AniSora paper, section 4.3); nothing is made to move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...data.training_folder import Item
from ..lora.options import StepShares
from ..lora.recipe import LoraRecipe
from .strategy import Strategy


class VideoFinetuning(Strategy):
    """All of the model may change: no step keeps its own behaviour."""

    needs = "video with still_share 0"

    def kinds_of(self, item: Item, recipe: LoraRecipe) -> Iterator[str]:
        if item.num_frames > 1:
            yield "clip"
        elif recipe.step_shares.still_share:
            yield "still"

    def step_shares(self, recipe: LoraRecipe) -> StepShares:
        return replace(recipe.shares, prior_preservation=0.0)


STRATEGY = VideoFinetuning()
