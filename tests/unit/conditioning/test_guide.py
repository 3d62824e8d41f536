from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.guide import canvas_of_keyframes, centred
from comfyui_anisora.anisora_core.conditioning.guide import encode_guide as encode_placed
from comfyui_anisora.anisora_core.conditioning.masks import feather, fit_area, pack_mask
from comfyui_anisora.anisora_core.conditioning.timeline import place
from comfyui_anisora.anisora_core.domain.conditions import (
    GuideRules,
    Keyframe,
    MotionArea,
    PlacedKeyframe,
    Timeline,
)
from comfyui_anisora.anisora_core.domain.grid import LatentGrid
from comfyui_anisora.anisora_core.releases import find_release

GRID = LatentGrid()
RULES = GuideRules(GRID)
SLOTS = GuideRules(LatentGrid(latents_per_run=2), method="per_keyframe", motion_method="hold")
RED = torch.tensor([1.0, 0.0, 0.0]).expand(32, 32, 3)
BLUE = torch.tensor([0.0, 0.0, 1.0]).expand(32, 32, 3)
LEFT = torch.zeros(1, 32, 32)
LEFT[:, :, :16] = 1.0


def encode_guide(timeline, rules, encode, **more):
    return encode_placed(place(timeline, rules.key_multiple), rules, encode, **more)


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
    guide = encode_guide(timeline(Keyframe(RED, "first"), Keyframe(BLUE, "last", 0.5)), RULES, encode)
    video = encode.videos[0][0]
    assert video[0, 0].eq(1.0).all()
    assert video[:, 1:8].eq(0.0).all()
    assert video[2, 8].eq(0.5).all()
    assert guide.mask_BMTHW[0, 3, 2].eq(0.5).all()


def test_flow_fills_what_is_not_given_with_the_keyframes_around_it():
    encode = Recorder()
    keys = timeline(Keyframe(RED, "2"), Keyframe(BLUE, "6", 0.5))
    guide = encode_guide(keys, replace(RULES, between="flow"), encode)
    red = [1.0, 1.0, 1.0, 0.625, 0.25, -0.125, -0.5, -0.5, -0.5]
    assert encode.videos[0][0, 0, :, 0, 0].tolist() == red
    mask = guide.mask_BMTHW[0, :, 1:, 0, 0].T.flatten()
    assert mask.tolist() == [0, 1, 0, 0, 0, 0.5, 0, 0]


def test_flow_moves_what_moves_between_keyframes():
    def square_at(left: int) -> torch.Tensor:
        picture = torch.full((64, 64, 3), 0.2)
        picture[20:40, left : left + 20] = 0.9
        return picture

    placed = [PlacedKeyframe(0, square_at(16), 1.0), PlacedKeyframe(8, square_at(24), 1.0)]
    middle = canvas_of_keyframes(placed, Timeline(9, 8.0, 64, 64), "flow").video_CFHW[:, 4]
    faded = torch.lerp(centred(square_at(16)), centred(square_at(24)), 0.5)
    truth = centred(square_at(20))
    assert (middle - truth).square().mean() < 0.3 * (faded - truth).square().mean()


def test_condition_gives_everything_outside_the_area_from_the_keyframe_before():
    encode = Recorder()
    area = MotionArea(LEFT, "condition")
    guide = encode_guide(
        timeline(Keyframe(RED, "first"), Keyframe(BLUE, "last")), RULES, encode, motion_area=area
    )
    video = encode.videos[0][0]
    assert video[0, 1:8, :, 16:].eq(1.0).all()
    assert video[:, 1:8, :, :16].eq(0.0).all()
    assert guide.mask_BMTHW[0, :, 1, :, 2:].eq(1.0).all()
    assert guide.mask_BMTHW[0, :, 1, :, :2].eq(0.0).all()
    assert any("disagree on 100%" in sentence for sentence in guide.report)


def test_frames_before_the_first_keyframe_take_from_it():
    encode = Recorder()
    encode_guide(timeline(Keyframe(BLUE, "last")), RULES, encode, motion_area=MotionArea(LEFT, "condition"))
    assert encode.videos[0][0, 2, 0, :, 16:].eq(1.0).all()


def test_paper_puts_the_area_into_the_keyframes_mask():
    guide = encode_guide(
        timeline(Keyframe(RED, "first")), RULES, Recorder(), motion_area=MotionArea(LEFT, "paper")
    )
    assert guide.mask_BMTHW[0, :, 0, :, :2].eq(1.0).all()
    assert guide.mask_BMTHW[0, :, 0, :, 2:].eq(0.0).all()


def test_hold_keeps_latents_outside_the_area():
    encode = Recorder()
    guide = encode_guide(
        timeline(Keyframe(RED, "first")), RULES, encode, motion_area=MotionArea(LEFT, "hold")
    )
    assert guide.lock is not None
    assert guide.lock.keep_BCTHW[0, 0, :, :, 2:].eq(1.0).all()
    assert guide.lock.keep_BCTHW[0, 0, :, :, :2].eq(0.0).all()
    assert len(encode.videos) == 2


def test_auto_is_the_releases_way():
    area = MotionArea(LEFT, "auto")
    guide = encode_guide(
        timeline(Keyframe(RED, "first")), replace(RULES, motion_method="hold"), Recorder(), motion_area=area
    )
    assert guide.lock is not None


def test_no_keyframe_means_an_empty_guide_and_no_area():
    guide = encode_guide(timeline(), RULES, Recorder())
    assert guide.mask_BMTHW.sum() == 0
    with pytest.raises(ValueError, match="motion_area: there is no keyframe"):
        encode_guide(timeline(), RULES, Recorder(), motion_area=MotionArea(LEFT))


class Mean:
    """An encoder whose latents say what was encoded: the mean colour, and how many frames there were."""

    def __call__(self, video):
        frames, height, width = video.shape[2:]
        colour = video.mean(dim=(2, 3, 4))
        count = torch.full((1, 1), float(frames))
        value = torch.cat([colour, count], dim=1)[:, :, None, None, None]
        return value.expand(1, 4, GRID.latent_frames(frames), height // 8, width // 8)


@pytest.mark.parametrize(
    ("position", "frames", "slot"), [("first", 49, 0), ("50%", 49, 6), ("50%", 97, 12), ("last", 97, 24)]
)
def test_each_keyframe_is_encoded_alone_in_the_slot_of_its_frame(position, frames, slot):
    """AniSora V1 (facts 1.3): latent (i - 1) // 4 + 1; the middle one is 6 of 13 and 12 of 25."""
    guide = encode_guide(timeline(Keyframe(RED, position, 0.5), frames=frames), SLOTS, Mean())
    given = guide.latent_BCTHW[0].amax((2, 3))
    assert given[:, slot].tolist() == [0.5, -0.5, -0.5, 1.0]
    assert guide.latent_BCTHW.count_nonzero() == guide.latent_BCTHW[:, :, slot].numel()
    assert guide.mask_BMTHW.shape == (1, 0, (frames - 1) // 4 + 1, 4, 4)


def test_slots_hold_one_keyframe_each_and_know_no_mask():
    with pytest.raises(
        ValueError, match="frames 5 and 8 fall into one latent frame of this release; move one 4 frames away"
    ):
        encode_guide(timeline(Keyframe(RED, "5"), Keyframe(BLUE, "8")), SLOTS, Mean())
    area = MotionArea(LEFT, "condition")
    with pytest.raises(
        ValueError, match=r"way 'condition': this model has no mask channels; use 'hold' \(latent lock\)"
    ):
        encode_guide(timeline(Keyframe(RED, "first")), SLOTS, Mean(), motion_area=area)
    with pytest.raises(
        ValueError, match=r"length 13 does not fit the VAE .1 \+ a multiple of 8 frames.; use 17"
    ):
        encode_guide(timeline(frames=13), SLOTS, Mean())
    held = encode_guide(timeline(Keyframe(RED, "first")), SLOTS, Mean(), motion_area=MotionArea(LEFT))
    assert held.lock is not None
    assert held.lock.latent_BCTHW[0, :, 2, 0, 0].tolist() == [1.0, -1.0, -1.0, 9.0]
    assert encode_guide(timeline(), SLOTS, Mean()).latent_BCTHW.count_nonzero() == 0


def test_masks_reach_latent_size_as_shares_or_as_upstream_does():
    mask = torch.zeros(5, 32, 32)
    mask[:, :, 12:] = 1.0
    packed = {way: pack_mask(mask, GRID, way)[0, 1, 0].tolist() for way in ("average", "nearest", "bicubic")}
    assert packed["average"] == [0.0, 0.5, 1.0, 1.0]
    assert packed["nearest"] == [0.0, 0.0, 1.0, 1.0]
    assert packed["bicubic"] == [0.0, 0.5, 1.0, 1.0]
    mask[:, :, 11:] = 1.0
    assert pack_mask(mask, GRID, "bicubic")[0, 1, 0].max() > 1.0  # upstream's overshoot


def test_drawings_may_be_stretched_as_upstream_does():
    wide = torch.zeros(32, 64, 3)
    wide[:, :8] = 1.0
    crop, stretched = (
        encode_guide(Timeline(1, 12.0, 32, 32, (Keyframe(wide),), fit), RULES, recorder := Recorder())
        and recorder
        for fit in ("crop", "stretch")
    )
    assert crop.videos[0][0, 0, 0, 16, 0] == -1.0
    assert stretched.videos[0][0, 0, 0, 16, 0] == 1.0


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(
        ValueError, match="motion_area: the mask is 32x16, which is not the clip's aspect ratio"
    ):
        fit_area(MotionArea(torch.ones(1, 16, 32)), 9, 32, 32)


def test_feather_keeps_the_middle_and_softens_the_edge():
    soft = feather(LEFT, 2.0)
    assert soft[0, 16, 2] > 0.99
    assert 0.3 < soft[0, 16, 16] < 0.7
    assert torch.equal(feather(LEFT, 0.0), LEFT)


@pytest.mark.parametrize(
    ("name", "resize"), [("anymask", "nearest"), ("mini", "average"), ("V3.1", "average")]
)
def test_masks_come_to_latent_size_as_in_the_release_s_own_program(name, resize):
    rules = find_release(name).guide_rules
    assert rules.mask_resize == resize
    area = torch.zeros(1, 32, 32)
    area[:, :, :20] = 1.0  # ends in the middle of a latent
    moving = MotionArea(area, "condition")
    mask = encode_guide(timeline(Keyframe(RED, "first")), rules, Recorder(), motion_area=moving).mask_BMTHW
    expected = [0.0, 0.0, 0.0, 1.0] if resize == "nearest" else [0.0, 0.0, 0.5, 1.0]
    assert mask[0, 0, 1, 0].tolist() == expected
