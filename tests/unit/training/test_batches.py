"""What a step sees: shares of the steps, prompts, and what is given."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.data.training_folder import Item
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.lora.batches import LoraBatches, Pool, pools_of, prompt_of
from comfyui_anisora.anisora_core.training.lora.examples import EncodedExample, Example, Motion
from comfyui_anisora.anisora_core.training.lora.options import CaptionOptions, StepShares
from comfyui_anisora.anisora_core.training.random_conditions import random_keyframes
from comfyui_anisora.anisora_core.training.strategies.encoding import KEYFRAMES

sys.path.insert(0, str(Path(__file__).parents[2]))
from small_inputs import TRAINING


def item(name: str, num_frames: int = 1, repeats: int = 1) -> Item:
    content = hashlib.sha256(name.encode()).hexdigest()  # hash() differs between runs
    return Item(Path(name), 64, 64, num_frames, name, repeats, content)


def test_shares_of_steps_go_to_stills_clips_and_keyframes():
    examples = [Example(item(n), "still", (32, 32), 1, 0, 12.0) for n in "abc"]
    examples += [Example(item(n), "move", (32, 32), 5, 0, 12.0) for n in "abc"]
    examples += [Example(item("d", 9), "clip", (32, 32), 9, 0, 12.0)]
    pools = pools_of(examples, StepShares(0.4, 0.2, 0.4, 0.25), batch_size=4, clip_batch_size=2)
    by_kind = {(p.examples[0].kind, p.is_given, p.is_prior): p.share for p in pools}
    assert by_kind[("still", False, False)] == pytest.approx(0.4)
    assert by_kind[("move", False, False)] == pytest.approx(0.2 * 3 / 4)
    assert by_kind[("move", True, True)] == pytest.approx(0.4 * 0.25 * 3 / 4)
    assert sum(by_kind.values()) == pytest.approx(1.0)
    assert [pool.batch_size for pool in pools] == [4, *[2] * 6]


def test_shapes_are_seen_as_often_as_their_drawings_repeats_say():
    upright = [Example(item(n, repeats=10), "still", (48, 32), 1, 0, 12.0) for n in "abc"]
    wide = [Example(item(n), "still", (32, 48), 1, 0, 12.0) for n in "def"]
    pools = pools_of([*upright, *wide], StepShares(1.0, 0.0, 0.0), batch_size=4, clip_batch_size=4)
    assert [pool.share for pool in pools] == pytest.approx([10 / 11, 1 / 11])


def test_motion_areas_are_learned_from_clips_with_their_area_alone():
    assert TRAINING.changed(task="motion area").step_shares == StepShares(0.0, 0.0, 1.0, 0.0)
    assert TRAINING.step_shares == TRAINING.shares


def test_prompts_say_the_style_and_what_moves_and_plain_ones_not_the_style():
    release = RELEASES["mini"]
    example = Example(replace(item("a"), caption="Ink style, a girl, a cat"), "move", (32, 32), 5, 0, 12.0)
    made = Motion(score=2.0, words="camera pans left")
    captions = CaptionOptions("ink style")
    assert (
        prompt_of(example, made, captions, release, 0)
        == "Ink style, a girl, a cat. camera pans left. motion score: 2.0."
    )
    batches = LoraBatches([], None, None, captions, release, seed=0)
    assert batches.prior_prompt(example, made) == "a girl, a cat. camera pans left. motion score: 2.0."
    alone = CaptionOptions("ink style", use_captions=False)
    assert prompt_of(example, made, alone, release, 0) == "ink style. camera pans left. motion score: 2.0."
    shuffled = {
        prompt_of(example, made, CaptionOptions("", shuffle=True, keep_tokens=1), release, n)
        for n in range(6)
    }
    assert len(shuffled) == 2
    assert all(text.startswith("Ink style, a ") for text in shuffled)


class Kept:
    """A cache of one example, and of texts that are the prompt's length."""

    def read(self, what: Example | str) -> EncodedExample | torch.Tensor:
        if isinstance(what, str):
            return torch.tensor([len(what)])
        latent = torch.ones(16, 2, 4, 4)
        return EncodedExample(latent, latent, latent[:4], 3 * latent, Motion(2.0, "camera pans left"))


@pytest.mark.parametrize("dropout", [0.0, 1.0])
def test_a_prior_step_asks_as_artists_do_and_wants_what_the_network_says_without_the_trigger(dropout):
    example = Example(replace(item("a"), caption="ink style, a girl"), "move", (32, 32), 5, 0, 12.0)
    pools = [Pool([example], 1.0, 1, is_given=True, is_prior=True)]
    captions = CaptionOptions("ink style", caption_dropout=dropout)
    row = LoraBatches(pools, Kept(), Kept(), captions, RELEASES["mini"], seed=0)[0]
    lengths = [len(f"{start}a girl. motion score: 2.5.") for start in ("ink style, ", "")]
    assert [int(row["text"]), int(row["prior_text"])] == ([0, 0] if dropout else lengths)


@pytest.mark.parametrize("self_guided", [False, True])
def test_a_still_is_given_nothing_unless_it_is_to_be_its_own_guide(self_guided):
    """What the peers' way gets wrong: a model that is shown its answer learns to copy."""
    example = Example(item("a"), "still", (32, 32), 1, 0, 12.0, self_guided=self_guided)
    row = LoraBatches([Pool([example], 1.0, 1)], Kept(), Kept(), CaptionOptions(), RELEASES["mini"], seed=0)[
        0
    ]
    assert row["mask"].shape == (1, 4, 2, 4, 4)
    assert torch.all(row["mask"] == (1.0 if self_guided else 0.0))
    assert torch.all(row["guide"] == (1.0 if self_guided else 3.0))  # 3: what an empty canvas encodes to


def test_every_process_has_a_batch_of_its_own():
    pool = Pool([Example(item("a"), "move", (32, 32), 5, 0, 12.0)], 1.0, batch_size=2)
    batches = LoraBatches([pool], Kept(), Kept(), CaptionOptions(), RELEASES["mini"], seed=0)
    assert {len(value) for value in batches[0].values()} == {2}
    half = LoraBatches([pool], Kept(), Kept(), CaptionOptions(), RELEASES["mini"], seed=0, rank=1, world=2)
    assert {len(value) for value in half[0].values()} == {2}


def test_keyframes_of_moving_drawings_are_drawn_as_the_paper_draws_them():
    """At most two; in half of the clips the first frame alone, else first and last, the last, or any."""
    frames = np.zeros((9, 8, 8, 3), np.uint8)
    drawn = [
        tuple(key.frame for key in random_keyframes(frames, KEYFRAMES, np.random.default_rng(seed), 4))
        for seed in range(400)
    ]
    assert {len(keys) for keys in drawn} == {1, 2}
    assert all(
        key.strength == 1.0 for key in random_keyframes(frames, KEYFRAMES, np.random.default_rng(0), 4)
    )
    assert drawn.count((0,)) / 400 == pytest.approx(0.5, abs=0.1)
    assert drawn.count((0, 8)) / 400 == pytest.approx(0.2, abs=0.1)
    assert drawn.count((8,)) / 400 == pytest.approx(0.1, abs=0.1)
    assert len(set(drawn)) > 3
