"""What the measures of motion say of clips whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.motion_amount import (
    mean_speed,
    motion_amount,
    moving_pixels,
    speed,
)
from known_clips import shifted, sliding_square


@pytest.mark.parametrize(("down", "across"), [(0, 2), (2, 0), (-1, 0), (1, -2)])
def test_a_clip_shifted_by_whole_pixels_has_that_speed(down, across):
    clip = shifted(down, across)
    inner = speed(clip)[:, 12:-12, 12:-12]
    expected = np.hypot(down, across)
    assert float(np.median(inner)) == pytest.approx(expected, abs=0.05)
    assert float(inner.mean()) == pytest.approx(expected, rel=0.05)


def test_a_still_clip_has_no_speed_at_all():
    still = shifted(0, 0)
    assert speed(still).max() == 0.0
    assert motion_amount(still) == 0.0
    assert not moving_pixels(still).any()


def test_speeds_are_averaged_over_clips():
    clips = [shifted(0, 0), shifted(0, 2)]
    assert mean_speed(clips) == pytest.approx(float(speed(clips[1]).mean()) / 2)


def test_a_ramp_moves_by_its_shift_without_optical_flow():
    """Of a ramp, change over time by change over space is the shift itself."""
    ramp = np.arange(96)[None, :] * 2 + np.zeros((64, 1), int)
    for pixels in (1, 2, 3):
        frames = np.stack([ramp[:, 30 - pixels * f : 90 - pixels * f] for f in range(6)])
        clip = frames[..., None].repeat(3, axis=-1).astype(np.uint8)
        assert motion_amount(clip) == pytest.approx(pixels, rel=1e-4)


def test_contrast_and_brightness_are_no_motion():
    clip = shifted(0, 1)
    assert motion_amount(clip // 2) == pytest.approx(motion_amount(clip), rel=0.02)


def test_moving_pixels_are_where_the_square_is():
    clip = sliding_square()
    area = np.zeros((64, 64), bool)
    area[18:42, 8:48] = True
    moving = moving_pixels(clip)
    assert not moving[:, ~area].any()
    assert moving[:, area].any(axis=1).all()


def test_flicker_is_no_motion():
    rng = np.random.default_rng(0)
    still = shifted(0, 0).astype(int)
    flicker = np.clip(still + rng.integers(-5, 6, still.shape), 0, 255).astype(np.uint8)
    assert moving_pixels(flicker).mean() < 0.001
