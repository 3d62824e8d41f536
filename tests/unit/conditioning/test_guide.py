from __future__ import annotations

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.guide import encode_guide
from comfyui_anisora.anisora_core.conditioning.masks import feather, fit_area, pack_mask
from comfyui_anisora.anisora_core.conditioning.prompt import compose_prompt
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, MotionArea, Timeline
from comfyui_anisora.anisora_core.domain.geometry import LatentGrid

GRID = LatentGrid()
RED = torch.tensor([1.0, 0.0, 0.0]).expand(32, 32, 3)
BLUE = torch.tensor([0.0, 0.0, 1.0]).expand(32, 32, 3)
LEFT = torch.zeros(1, 32, 32)
LEFT[:, :, :16] = 1.0


def timeline(*keys: Keyframe, frames: int = 9) -> Timeline:
    return Timeline(frames, 12.0, 32, 32, keys)


class Recorder:
    """An encoder that keeps what it was given and returns latents of the right shape."""

    def __init__(self):
        self.videos = []

    def __call__(self, video):
        self.videos.append(video)
        return torch.zeros(1, 16, GRID.latent_frames(video.shape[2]), 4, 4)


@pytest.mark.parametrize(("frame", "channel", "latent"), [(1, 0, 1), (4, 3, 1), (8, 3, 2), (80, 3, 20)])
def test_a_frame_packs_into_one_channel_of_its_latent(frame, channel, latent):
    mask = torch.zeros(81, 16, 16)
    mask[frame] = 1.0
    packed = pack_mask(mask, GRID)
    assert packed.shape == (4, 21, 2, 2)
    assert packed.sum() == 4
    assert (packed[channel, latent] == 1).all()


def test_the_first_frame_fills_all_channels():
    mask = torch.zeros(81, 16, 16)
    mask[0] = 1.0
    packed = pack_mask(mask, GRID)
    assert (packed[:, 0] == 1).all()
    assert packed[:, 1:].sum() == 0


def test_keyframes_stand_on_grey_and_strength_mixes_with_it():
    encode = Recorder()
    guide = encode_guide(timeline(Keyframe(RED, "first"), Keyframe(BLUE, "last", 0.5)), GRID, encode)
    video = encode.videos[0][0]
    assert video[0, 0].eq(1.0).all()
    assert video[:, 1:8].eq(0.0).all()
    assert video[2, 8].eq(0.5).all()
    assert guide.mask_BMTHW[0, 3, 2].eq(0.5).all()


def test_cross_fade_fills_what_is_not_given_with_the_keyframes_around_it():
    encode = Recorder()
    keys = timeline(Keyframe(RED, "2"), Keyframe(BLUE, "6"))
    guide = encode_guide(keys, GRID, encode, between="cross_fade")
    red = [1.0, 1.0, 1.0, 0.5, 0.0, -0.5, -1.0, -1.0, -1.0]
    assert encode.videos[0][0, 0, :, 0, 0].tolist() == red
    assert guide.mask_BMTHW[0, :, 1:, 0, 0].T.flatten().tolist() == [0, 1, 0, 0, 0, 1, 0, 0]


def test_condition_gives_everything_outside_the_area_from_the_keyframe_before():
    encode = Recorder()
    area = MotionArea(LEFT, "condition")
    guide = encode_guide(
        timeline(Keyframe(RED, "first"), Keyframe(BLUE, "last")), GRID, encode, motion_area=area
    )
    video = encode.videos[0][0]
    assert video[0, 1:8, :, 16:].eq(1.0).all()
    assert video[:, 1:8, :, :16].eq(0.0).all()
    assert guide.mask_BMTHW[0, :, 1, :, 2:].eq(1.0).all()
    assert guide.mask_BMTHW[0, :, 1, :, :2].eq(0.0).all()
    assert any("disagree on 100%" in sentence for sentence in guide.report)


def test_frames_before_the_first_keyframe_take_from_it():
    encode = Recorder()
    encode_guide(timeline(Keyframe(BLUE, "last")), GRID, encode, motion_area=MotionArea(LEFT, "condition"))
    assert encode.videos[0][0, 2, 0, :, 16:].eq(1.0).all()


def test_paper_puts_the_area_into_the_keyframes_mask():
    guide = encode_guide(
        timeline(Keyframe(RED, "first")), GRID, Recorder(), motion_area=MotionArea(LEFT, "paper")
    )
    assert guide.mask_BMTHW[0, :, 0, :, :2].eq(1.0).all()
    assert guide.mask_BMTHW[0, :, 0, :, 2:].eq(0.0).all()


def test_hold_keeps_latents_outside_the_area():
    encode = Recorder()
    guide = encode_guide(timeline(Keyframe(RED, "first")), GRID, encode, motion_area=MotionArea(LEFT, "hold"))
    assert guide.hold is not None
    assert guide.hold.keep_BCTHW[0, 0, :, :, 2:].eq(1.0).all()
    assert guide.hold.keep_BCTHW[0, 0, :, :, :2].eq(0.0).all()
    assert len(encode.videos) == 2


def test_auto_is_the_releases_way():
    area = MotionArea(LEFT, "auto")
    guide = encode_guide(
        timeline(Keyframe(RED, "first")), GRID, Recorder(), motion_area=area, default_way="hold"
    )
    assert guide.hold is not None


def test_no_keyframe_means_an_empty_guide_and_no_area():
    guide = encode_guide(timeline(), GRID, Recorder())
    assert guide.mask_BMTHW.sum() == 0
    with pytest.raises(ValueError, match="at least one keyframe"):
        encode_guide(timeline(), GRID, Recorder(), motion_area=MotionArea(LEFT))


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="motion mask is 32x16, another shape than the clip's 32x32"):
        fit_area(MotionArea(torch.ones(1, 16, 32)), 9, 32, 32)


def test_feather_keeps_the_middle_and_softens_the_edge():
    soft = feather(LEFT, 2.0)
    assert soft[0, 16, 2] > 0.99
    assert 0.3 < soft[0, 16, 16] < 0.7
    assert torch.equal(feather(LEFT, 0.0), LEFT)


def test_prompt_tail_takes_the_score_and_replaces_a_written_one():
    tail = "motion score: {motion:.1f}."
    assert compose_prompt("a cat jumps", tail, 2.0) == "a cat jumps. motion score: 2.0."
    assert compose_prompt("a cat jumps. motion score: 4.0.", tail, 2.0) == "a cat jumps. motion score: 2.0."
    assert compose_prompt("", tail, 2.0) == "motion score: 2.0."
