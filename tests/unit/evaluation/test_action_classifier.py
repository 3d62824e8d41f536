"""The judge of actions, on motions that are told apart easily, and on labels that say nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.metrics.action_classifier import (
    action_features,
    fit_action_classifier,
)
from known_clips import shifted

DIRECTIONS = ((0, 2), (0, -2), (2, 0), (-2, 0))


@pytest.fixture(scope="module")
def moving_clips() -> tuple[np.ndarray, np.ndarray]:
    """Features of blots that all move right, left, down or up, and which; twelve of each."""
    labels = np.arange(48) % 4
    clips = (shifted(*DIRECTIONS[label], seed=seed, side=64) for seed, label in enumerate(labels))
    return np.stack([action_features(clip) for clip in clips]), labels


def test_directions_are_told_apart_on_clips_it_never_saw(moving_clips):
    features, labels = moving_clips
    judge = fit_action_classifier(features[:32], labels[:32])
    assert (judge.predict(features[:32]) == labels[:32]).all()
    assert (judge.predict(features[32:]) == labels[32:]).mean() >= 0.9


def test_labels_that_say_nothing_give_chance(moving_clips):
    """Random features of 400 clips: nothing can be learned that helps with others."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(800, moving_clips[0].shape[1])).astype(np.float32)
    labels = rng.integers(0, 4, 800)
    judge = fit_action_classifier(features[:400], labels[:400])
    assert (judge.predict(features[400:]) == labels[400:]).mean() == pytest.approx(0.25, abs=0.08)


def test_shuffled_labels_give_chance(moving_clips):
    features, labels = moving_clips
    right = [
        (fit_action_classifier(features[:32], np.random.default_rng(seed).permutation(labels[:32])).predict(features[32:]) == labels[32:]).mean()
        for seed in range(6)
    ]  # fmt: skip
    assert float(np.mean(right)) < 0.5


def test_the_same_arguments_give_the_same_judge(moving_clips):
    features, labels = moving_clips
    torch.manual_seed(1)
    first = fit_action_classifier(features, labels)
    torch.manual_seed(1)
    second = fit_action_classifier(features, labels)
    for one, other in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_features_of_a_still_clip_are_nothing_and_of_a_shift_its_direction():
    still = action_features(shifted(0, 0, side=64))
    assert np.abs(still).max() < 1e-6
    assert still.shape == (10 * 3 * 8 * 8,)
    right = action_features(shifted(0, 1, frames=11, side=64)).reshape(10, 8, 8, 3)
    middle = right[:, 2:6, 2:6]
    assert middle[0, ..., 0].mean() == pytest.approx(
        2.0 / 4.0, rel=0.1
    )  # 2 pixels at the first moment, in units of 4
    assert middle[4, ..., 0].mean() == pytest.approx(10.0 / 4.0, rel=0.1)  # all 10 at the last
    assert middle[5:, ..., 0].mean() == pytest.approx(2.0 / 4.0, rel=0.1)  # and 2 from moment to moment
    assert np.abs(middle[..., 1].mean()) < 0.1
    assert middle[..., 2].min() > 0
