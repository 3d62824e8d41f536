from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.data.cartoons import TEXT_ACTIONS, make_shot, render
from comfyui_anisora.anisora_core.data.cartoons.motion import CHARACTER_ACTIONS, OBJECT_ACTIONS


def clip(seed, **choices):
    return render(make_shot(seed, **choices), height=64, width=64)


def test_a_seed_is_a_clip():
    assert np.array_equal(clip(3).frames_FHWC, clip(3).frames_FHWC)
    assert not np.array_equal(clip(3).frames_FHWC, clip(4).frames_FHWC)


@pytest.mark.parametrize("seed", range(6))
def test_actions_and_amounts_share_their_first_frame(seed):
    first = [
        clip(
            seed, split="heldout", action=action, direction=way, amplitude=amount, start_at_rest=True
        ).frames_FHWC[0]
        for action, way in TEXT_ACTIONS
        for amount in (0.1, 0.9)
    ]
    assert all(np.array_equal(frame, first[0]) for frame in first)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_changes_outside_what_moves(seed):
    made = clip(seed)
    change = np.abs(np.diff(made.frames_FHWC.astype(int), axis=0)).max(-1)
    assert (change * ~made.moving_FHW[:-1]).max() == 0
    assert made.moving_FHW.any()


def test_splits_share_no_style_and_train_no_held_out_action():
    train = [make_shot(seed) for seed in range(60)]
    heldout = [make_shot(seed, split="heldout") for seed in range(60)]
    for part in (0, 1):
        styles = [{shot.style.split("/")[part] for shot in shots} for shots in (train, heldout)]
        assert not styles[0] & styles[1]
    kept = {a.name for a in (*CHARACTER_ACTIONS, *OBJECT_ACTIONS) if a.heldout}
    assert not kept & {shot.actors[-1].action.name for shot in train}
    assert kept & {shot.actors[-1].action.name for shot in heldout}
    with pytest.raises(ValueError, match="not in train"):
        make_shot(0, action="bow")


def test_half_of_the_training_shots_move_freely_but_never_as_a_held_out_action():
    free = [a for a in (make_shot(seed).actors[-1].action for seed in range(200)) if a.name == "free"]
    assert 70 < len(free) < 130
    poses = [action.pose(1.0, 1.0) for action in free]
    assert all(pose.nod == 0.0 for pose in poses)
    assert all(sum(value != 0.0 for value in vars(pose).values()) >= 2 for pose in poses)
    assert all(pose.dx or pose.dy or pose.grow for pose in poses)
    assert not any(vars(action.pose(0.0, 1.0))[name] for action in free for name in vars(poses[0]))
    heldout = {word for a in (*CHARACTER_ACTIONS, *OBJECT_ACTIONS) if a.heldout for word in a.words}
    assert not heldout & {word for action in free for word in action.words}


def test_captions_are_short_and_name_action_and_camera():
    made = clip(1, action="walk", direction="left", camera="pan right")
    assert "left" in made.caption
    assert "camera pans right" in made.caption
    assert all(
        len(render(make_shot(s), num_frames=2, height=32, width=32).caption.encode()) <= 110
        for s in range(30)
    )


@pytest.mark.parametrize(("action", "way"), TEXT_ACTIONS)
def test_more_amplitude_scores_more_motion(action, way):
    scores = [
        clip(26, kind="character", action=action, direction=way, amplitude=a, start_at_rest=True).motion_score
        for a in (0.0, 0.5, 1.0)
    ]
    assert scores[0] < scores[1] < scores[2]
