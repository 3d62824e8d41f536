"""What a strategy answers, and the answers that most of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...data.training_folder import Item
from ...families import VideoTransformer
from ..lora.batches import Pool, pools_of
from ..lora.examples import Example
from ..lora.options import StepShares
from ..noise_levels import NoiseLevels
from ..objectives import AdapterMatching
from .encoding import ExampleEncoder, encode_example

if TYPE_CHECKING:
    from ..engine.loop import Objective
    from ..lora.recipe import LoraRecipe


class Strategy(ABC):
    """What a step of LoRA training is. Each strategy changes the answers that differ."""

    #: Ends the error of a folder that gives no example: "...has no clips, which {needs} learns from".
    needs: str = "style with still_share 0 and no moves"
    #: Whether the release must have mask channels.
    needs_mask: bool = False

    def require_fit(self, recipe: LoraRecipe) -> None:
        """ValueError for a recipe that cannot be trained this way."""
        if self.needs_mask and recipe.model.guide_method == "per_keyframe":
            raise ValueError(
                f"task {recipe.task} needs mask channels, which release {recipe.release} does not have; use style"
            )

    @abstractmethod
    def kinds_of(self, item: Item, recipe: LoraRecipe) -> Iterator[str]:
        """Kinds of examples that a drawing or clip gives."""

    def example_encoder(self, recipe: LoraRecipe) -> ExampleEncoder:
        """How an example becomes tensors. Encoded examples are cached by kind: another encoder needs kinds of its own."""
        return encode_example

    def step_shares(self, recipe: LoraRecipe) -> StepShares:
        """How many of the steps are of each kind."""
        return recipe.shares

    def pools(self, examples: Sequence[Example], recipe: LoraRecipe) -> list[Pool]:
        """Groups of examples that a step's batch is drawn from, with their shares of the steps."""
        return pools_of(
            examples,
            self.step_shares(recipe),
            batch_size=recipe.optimization.batch_size,
            clip_batch_size=recipe.clip_batch_size,
        )

    def objective(self, network: VideoTransformer, recipe: LoraRecipe, levels: NoiseLevels) -> Objective:
        """What a step minimises."""
        return AdapterMatching(network, recipe.model, levels)
