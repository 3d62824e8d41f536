"""Moving clips made from drawings."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.data.pseudo_clips import ENLARGED, MOVES, SHOWN, pseudo_clip


@pytest.mark.parametrize("move", MOVES)
def test_pseudo_clips_move_as_far_as_they_say(move):
    side = round(64 * ENLARGED)
    y, x = np.mgrid[0:side, 0:side] * 255 / side
    picture = np.stack([x, y, (x + y) / 2], axis=-1).astype(np.uint8)
    clips = (pseudo_clip(picture, 3, 1.0, 64, 64, np.random.default_rng(seed)) for seed in range(60))
    clip = next(clip for clip in clips if clip.move == move)
    assert clip.frames_FHWC.shape == (3, 64, 64, 3)
    assert clip.speed > 0
    assert clip.words.startswith("camera ") == (move != "sway")  # swaying goes unsaid
    # red rises from 0 to 255 across, green down: the picture itself says how far it went
    steps = np.diff(clip.frames_FHWC[..., :2].astype(float), axis=0) / 255
    went = np.hypot(steps[..., 0], steps[..., 1]).mean() / SHOWN
    assert went == pytest.approx(clip.speed, rel=0.1)
    assert all((a != b).any() for a, b in zip(clip.frames_FHWC, clip.frames_FHWC[1:], strict=False))
