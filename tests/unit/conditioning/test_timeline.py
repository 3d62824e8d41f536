from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.timeline import (
    fit_picture,
    parse_position,
    place,
    snap_to_grid,
)
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Timeline
from comfyui_anisora.anisora_core.media.resize import stretch, v1_cover_crop
from hypothesis import given
from hypothesis import strategies as st

WHITE = torch.ones(32, 32, 3)


@pytest.mark.parametrize(
    ("text", "frame"),
    [("first", 0), ("last", 32), ("12", 12), ("0.5s", 6), ("50%", 16), (" Last ", 32), ("0%", 0)],
)
def test_positions(text, frame):
    assert parse_position(text, 33, 12.0) == frame


@pytest.mark.parametrize("text", ["", "middle", "x%", "1.5", "nan%", "infs"])
def test_a_position_that_is_none_names_the_forms(text):
    with pytest.raises(ValueError, match="is not one of"):
        parse_position(text, 33, 12.0)


@pytest.mark.parametrize("text", ["33", "-1", "3s", "101%"])
def test_a_position_outside_the_clip_names_the_range(text):
    with pytest.raises(ValueError, match="outside the clip of 33 frames; use 0 to 32"):
        parse_position(text, 33, 12.0)


@pytest.mark.parametrize(
    ("frames", "share", "snapped"),
    [
        (81, 10, 8),
        (81, 20, 16),
        (81, 25, 16),
        (81, 30, 24),
        (81, 50, 40),
        (81, 75, 64),
        (81, 90, 72),
        (81, 100, 80),
    ]
    + [
        (49, 10, 0),
        (49, 20, 8),
        (49, 25, 16),
        (49, 50, 24),
        (49, 75, 32),
        (49, 100, 48),
        (97, 25, 24),
        (97, 50, 48),
        (97, 75, 72),
        (97, 100, 96),
        (129, 50, 64),
        (129, 100, 128),
    ],
)
def test_snapping_equals_upstream(frames, share, snapped):
    assert snap_to_grid(parse_position(f"{share}%", frames, 16.0), frames, 8) == snapped


@given(st.integers(1, 200), st.integers(0, 199), st.sampled_from([1, 4, 8, None]))
def test_snapping_is_idempotent_and_stays_inside(frames, frame, multiple):
    snapped = snap_to_grid(min(frame, frames - 1), frames, multiple)
    assert 0 <= snapped < frames
    assert snap_to_grid(snapped, frames, multiple) == snapped


def timeline(*keys: Keyframe) -> Timeline:
    return Timeline(33, 12.0, 32, 32, keys)


def test_a_moved_keyframe_is_reported():
    found = place(timeline(Keyframe(WHITE, "13")), 8)
    placed, report = found.keyframes, found.report
    assert placed[0].frame == 16
    assert "moved from frame 13 to 16" in report[0]


def test_two_keyframes_on_one_frame_are_refused():
    with pytest.raises(ValueError, match="keyframe 2: two keyframes on frame 32"):
        place(timeline(Keyframe(WHITE, "last"), Keyframe(WHITE, "32")), 1)


def test_a_strength_of_zero_is_refused():
    with pytest.raises(ValueError, match="strength"):
        place(timeline(Keyframe(WHITE, "first", 0.0)), 1)


def test_pictures_are_cropped_never_stretched():
    wide = torch.zeros(32, 64, 3)
    wide[:, 16:48] = 1.0
    fitted, sentence = fit_picture(wide, 32, 32)
    assert fitted.shape == (32, 32, 3)
    assert fitted.mean() > 0.99
    assert "50%" in sentence


def test_transparency_becomes_white_paper():
    fitted, _ = fit_picture(torch.zeros(32, 32, 4), 32, 32)
    assert (fitted == 1.0).all()


def test_a_picture_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        fit_picture(torch.full((4, 4, 3), float("nan")), 32, 32)


@pytest.mark.parametrize("program", ["crop", "stretch"])
def test_compat_is_the_program_s_own_resize_unclamped(program):
    """Lines overshoot by up to a third of the range; the default clamps them."""
    picture = (torch.rand(40, 61, 3, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    found = place(replace(timeline(Keyframe(picture)), fit="compat"), 1, program)
    image = found.keyframes[0].image_HWC
    own = stretch(picture[None], (32, 32))[0]
    if program == "crop":
        own = v1_cover_crop(picture.movedim(2, 0)[None], (32, 32))[0].movedim(0, 2)
    assert torch.equal(image, own)
    assert image.min() < 0.0
    assert image.max() > 1.0
    assert found.fit == program  # masks follow it
    clamped = place(timeline(Keyframe(picture)), 1).keyframes[0].image_HWC
    assert clamped.min() >= 0.0
    assert clamped.max() <= 1.0


def test_the_first_drawing_is_the_first_in_time():
    later, sooner = torch.zeros(32, 32, 3), torch.ones(16, 16, 3)
    found = place(timeline(Keyframe(later, "last"), Keyframe(sooner, "25%")), 1)
    assert found.first_drawing_HWC is sooner
