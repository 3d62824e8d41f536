"""Following keyframes: every step is on a moving example with keyframes given."""

from __future__ import annotations

from ..lora.options import StepShares
from ..lora.recipe import LoraRecipe
from .style import Style


class Keyframes(Style):
    """Clips, and drawings that are moved; `prior_preservation` of the steps keep the model's own behaviour."""

    needs = "keyframes without moves"

    def step_shares(self, recipe: LoraRecipe) -> StepShares:
        prior = recipe.shares.prior_preservation
        return StepShares(still_share=0.0, move_share=0.0, given_share=1.0, prior_preservation=prior)


STRATEGY = Keyframes()
