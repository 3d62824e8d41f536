"""Whether a clip does what its text says: judged by a classifier trained on true clips of the training styles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...data.cartoons import TEXT_ACTIONS, Split
from ...domain.atomic_write import write_beside
from ...domain.release import Release
from ...generation.components import Components
from ..metrics.action_classifier import ActionClassifier, action_features, fit_action_classifier
from ..reference_clips import generate, request_like
from .held_out_cartoons import clip_of_action

CHANCE = 1.0 / len(TEXT_ACTIONS)
TEXTS_PER_CLIP = 4


@dataclass(frozen=True)
class ActionJudge:
    """`accuracy`: on true clips in styles that it was not trained on."""

    classifier: ActionClassifier
    accuracy: float


def train_judge(file: Path, clips: int = 800) -> ActionJudge:
    """The true clips' features take minutes and stay in `file`, an .npz."""
    if not file.exists():
        seen, unseen = _features(clips, "train", 20_000), _features(clips // 4, "heldout", 40_000)
        with write_beside(file) as part, part.open("wb") as stream:
            np.savez(stream, seen=seen, unseen=unseen)
    tables = np.load(file)
    labels = np.arange(len(tables["seen"])) % len(TEXT_ACTIONS)
    classifier = fit_action_classifier(tables["seen"], labels)
    right = classifier.predict(tables["unseen"]) == labels[: len(tables["unseen"])]
    return ActionJudge(classifier, float(right.mean()))


def _features(count: int, split: Split, first: int) -> np.ndarray:
    clips = (clip_of_action(first + i, i % len(TEXT_ACTIONS), split) for i in range(count))
    return np.stack([action_features(clip.frames_FHWC) for clip in clips])


def texts_obeyed(components: Components, release: Release, index: int, judge: ActionJudge) -> list[bool]:
    """The same character at rest, another action or direction in each text: is it what happens?"""
    right: list[bool] = []
    for number in range(TEXTS_PER_CLIP):
        wanted = (index * TEXTS_PER_CLIP + number) % len(TEXT_ACTIONS)
        clip = clip_of_action(index, wanted, "heldout")
        made = generate(components, release, request_like(release, clip, [0]))
        right.append(bool(judge.classifier.predict(action_features(made)[None])[0] == wanted))
    return right
