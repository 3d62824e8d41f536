"""Rendered cartoons in styles that no training of mini saw; half of them do what no training showed either."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...data.cartoons import TEXT_ACTIONS, CartoonClip, Split, make_shot, render
from ...data.cartoons.motion import CHARACTER_ACTIONS, OBJECT_ACTIONS

SEED = 700_000
#: Actions that training leaves out.
UNSEEN_ACTIONS = {action.name for action in (*CHARACTER_ACTIONS, *OBJECT_ACTIONS) if action.heldout}
#: `determined`: keyframes say all that happens; `free`: they do not; `area`: the camera stands still and only a part moves.
Kind = Literal["determined", "free", "area"]


def held_out(index: int, **choices: Any) -> CartoonClip:
    """`choices` of `make_shot`."""
    return render(make_shot(SEED + index, split="heldout", **choices))


def find_clip(index: int, kind: Kind) -> CartoonClip:
    """The first clip from `index`'s own seeds that is of the kind and moves enough to measure."""
    for attempt in range(50):
        clip = held_out(index * 50 + attempt, camera="still" if kind == "area" else None)
        fits = {
            "determined": clip.determined,
            "free": not clip.determined,
            "area": clip.moving_FHW.any(0).mean() < 0.6,
        }
        if fits[kind] and clip.motion_score >= 1.0:
            return clip
    raise ValueError(f"no {kind} clip near seed {index}")


def clip_of_action(index: int, number: int, split: Split) -> CartoonClip:
    """A character that starts at rest and then does `TEXT_ACTIONS[number]`."""
    action, direction = TEXT_ACTIONS[number]
    rng = np.random.default_rng((SEED, index, number))
    shot = make_shot(
        SEED + index, split=split, kind="character", action=action, direction=direction,
        amplitude=float(rng.uniform(0.6, 1.0)), start_at_rest=True,
    )  # fmt: skip
    return render(shot)
