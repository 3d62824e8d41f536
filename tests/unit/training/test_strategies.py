"""Strategies: which examples and steps each has, and one of a test's own through the whole training."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.training_folder import Item
from comfyui_anisora.anisora_core.training.engine.events import Stepped
from comfyui_anisora.anisora_core.training.lora.options import StepShares
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora
from comfyui_anisora.anisora_core.training.objectives import AdapterMatching
from comfyui_anisora.anisora_core.training.strategies import STRATEGIES, strategy_of
from comfyui_anisora.anisora_core.training.strategies.encoding import encode_example
from comfyui_anisora.anisora_core.training.strategies.strategy import Strategy

sys.path.insert(0, str(Path(__file__).parents[2]))
from small_inputs import TRAINING, draw_noise

DRAWING = Item(Path("a.png"), 64, 64, 1, "", 1, "0" * 64)
CLIP = replace(DRAWING, path=Path("a.mp4"), num_frames=9, seconds=1.0)


@pytest.mark.parametrize(
    ("task", "of_drawing", "of_clip", "shares"),
    [
        ("style", ["still", "move"], ["clip"], StepShares()),
        ("motion area", [], ["area"], StepShares(0.0, 0.0, 1.0, 0.0)),
        ("keyframes", ["move"], ["clip"], StepShares(0.0, 0.0, 1.0, 0.5)),
        ("video", ["still"], ["clip"], StepShares(prior_preservation=0.0)),
    ],
)
def test_what_a_drawing_and_a_clip_give(task, of_drawing, of_clip, shares):
    recipe = LoraRecipe(task=task)
    assert list(recipe.strategy.kinds_of(DRAWING, recipe)) == of_drawing
    assert list(recipe.strategy.kinds_of(CLIP, recipe)) == of_clip
    assert recipe.step_shares == shares


def test_every_strategy_is_one_and_others_are_told():
    assert all(isinstance(strategy_of(task), Strategy) for task in STRATEGIES)
    with pytest.raises(ValueError, match=r"^task 'magic' is unknown; use one of style, motion area"):
        LoraRecipe(task="magic")


class Inverted(Strategy):
    """Stills of the negative of each drawing, under an objective that is counted."""

    def __init__(self) -> None:
        self.steps = 0

    def kinds_of(self, item: Item, recipe: LoraRecipe) -> Iterator[str]:
        yield "negative"

    def example_encoder(self, recipe):
        def encode(example, release, encoders, seed):
            tensors, motion = encode_example(replace(example, kind="still"), release, encoders, seed)
            return {"latent": -tensors["latent"]}, motion

        return encode

    def step_shares(self, recipe):
        return StepShares(still_share=0.0, move_share=1.0, given_share=0.0)

    def objective(self, network, recipe, levels):
        matching = AdapterMatching(network, recipe.model, levels)

        def counted(model, batch, rng):
            self.steps += 1
            return matching(model, batch, rng)

        return counted


@pytest.mark.parametrize("task", ["keyframes", "negatives"])
def test_a_strategy_is_one_row_and_trains(task, tmp_path, monkeypatch):
    mine = Inverted()
    monkeypatch.setitem(STRATEGIES, "negatives", lambda: mine)
    (tmp_path / "drawings").mkdir()
    draw_noise(tmp_path / "drawings")
    recipe = TRAINING.changed(
        task=task, images=str(tmp_path / "drawings"), steps=2, length=1, prior_preservation=0.0
    )
    where = Place(tmp_path, tmp_path / "run", {}, torch.device("cpu"), torch.float32)
    events = list(train_lora(recipe, where))
    assert [event.step for event in events if isinstance(event, Stepped)] == [1, 2]
    assert any(c.up.abs().max() > 0 for c in read_lora(tmp_path / "small.safetensors").changes.values())
    assert mine.steps == (2 if task == "negatives" else 0)
