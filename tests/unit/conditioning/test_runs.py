"""Keyframes that are runs of frames, as a clip, with a mask of what is given for each frame."""

from __future__ import annotations

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.guide import encode_guide
from comfyui_anisora.anisora_core.conditioning.masks import pack_mask
from comfyui_anisora.anisora_core.conditioning.timeline import place
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, MotionArea, Timeline
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.nodes.keyframe_timeline import AniSoraKeyframe

RULES = find_release("anymask").guide_rules
CLIP = torch.rand(9, 32, 32, 3, generator=torch.Generator().manual_seed(0))
AREA = torch.zeros(9, 32, 32)
for moving, frame in enumerate(AREA):
    frame[:, moving : 16 + moving] = 1.0  # another one in each frame


def run(frames=CLIP, position="first", given=None, strength=1.0):
    return Keyframe(frames[0], position, strength, frames[1:] if len(frames) > 1 else None, given)


def guide(*keyframes, num_frames=9, name="anymask", area=None):
    seen = []

    def encode(video):
        seen.append(video[0])
        return torch.zeros(1, 16, 1 + (num_frames - 1) // 4, 4, 4)

    release = find_release(name)
    timeline = place(Timeline(num_frames, 16.0, 32, 32, keyframes), release.key_multiple)
    made = encode_guide(timeline, release.guide_rules, encode, motion_area=area)
    return made, seen[0]


def test_every_frame_of_a_run_is_given_where_it_lies():
    made, video = guide(run(CLIP[:4], "3", strength=0.5))
    expected, mask = torch.zeros(3, 9, 32, 32), torch.zeros(9, 32, 32)
    expected[:, 3:7] = 0.5 * (CLIP[:4].movedim(3, 0) * 2.0 - 1.0)
    mask[3:7] = 0.5
    torch.testing.assert_close(video, expected)
    assert torch.equal(made.mask_BMTHW[0], pack_mask(mask, RULES.grid, "nearest"))


def test_a_mask_for_each_frame_says_what_of_it_is_given():
    """AniSora anymask: the clip times its mask, grey elsewhere; the mask at latent size by nearest."""
    given = 1.0 - AREA
    made, video = guide(run(given=given))
    torch.testing.assert_close(video, (CLIP.movedim(3, 0) * 2.0 - 1.0) * given)
    small = given[:, ::8, ::8]
    packed = torch.cat([small[:1].expand(4, -1, -1), small[1:]]).reshape(3, 4, 4, 4).transpose(0, 1)
    assert torch.equal(made.mask_BMTHW[0], packed)


def test_one_mask_is_for_all_frames_and_for_one_drawing():
    _, video = guide(run(given=AREA[:1]))
    torch.testing.assert_close(video, (CLIP.movedim(3, 0) * 2.0 - 1.0) * AREA[0])
    _, video = guide(run(CLIP[:1], "4", given=AREA[:1]))
    torch.testing.assert_close(video[:, 4], (CLIP[0].movedim(2, 0) * 2.0 - 1.0) * AREA[0])
    assert not video[:, 5:].any()


def test_what_moves_outside_an_area_is_the_clips_own():
    """A retake of an area: the first frame is given whole, as in AniSora anymask's program for masks in space."""
    _, video = guide(run(), area=MotionArea(AREA, "condition"))
    given = 1.0 - AREA
    given[0] = 1.0
    torch.testing.assert_close(video, (CLIP.movedim(3, 0) * 2.0 - 1.0) * given)


@pytest.mark.parametrize(("position", "start"), [("first", 0), ("2", 2), ("50%", 4), ("last", 5)])
def test_a_run_begins_at_its_position_and_ends_at_last(position, start):
    placed = place(Timeline(9, 16.0, 32, 32, (run(CLIP[:4], position),)), 1)
    assert [key.frame for key in placed.keyframes] == list(range(start, start + 4))
    assert [key.continues for key in placed.keyframes] == [False, True, True, True]
    assert placed.first_drawing_HWC is not None
    assert torch.equal(placed.first_drawing_HWC, CLIP[0])


def test_frames_that_a_release_does_not_take_are_left_out_and_said():
    made, video = guide(run(), name="V3.1")
    assert [frame for frame in range(9) if video[:, frame].any()] == [0, 8]
    assert "keyframe 1: 2 of its 9 frames are given: this release takes every 8th frame" in made.report
    with pytest.raises(ValueError, match="keyframe 1: this release takes every 8th frame, and none of its 4"):
        guide(run(CLIP[:4], "2"), name="V3.1")


@pytest.mark.parametrize(("position", "count"), [("7", 4), ("last", 10), ("first", 10)])
def test_a_run_that_leaves_the_clip_is_refused(position, count):
    frames = CLIP[:1].expand(count, -1, -1, -1)
    with pytest.raises(
        ValueError, match=rf"keyframe 1: its {count} frames from frame .* use fewer, or a longer"
    ):
        guide(run(frames, position))


def test_two_keyframes_on_one_frame_of_a_run_are_refused():
    with pytest.raises(ValueError, match="keyframe 2: two keyframes on frame 3"):
        guide(run(CLIP[:4]), run(CLIP[:1], "3"))


@pytest.mark.parametrize(
    "given", [torch.zeros(2, 32, 32), torch.zeros(9, 16, 32), torch.full((1, 32, 32), 2.0)]
)
def test_a_mask_that_does_not_go_with_the_pictures_is_refused(given):
    with pytest.raises(ValueError, match=r"^given: the mask has"):
        run(given=given)


def test_a_network_without_mask_channels_takes_whole_pictures_only():
    with pytest.raises(ValueError, match="given: this model has no mask channels"):
        guide(run(CLIP[:1], given=AREA[:1]), name="V1")


def test_the_node_takes_a_batch_and_its_masks():
    (keyframes,) = AniSoraKeyframe().add(CLIP, "first", 1.0, given=AREA)
    (key,) = keyframes
    assert key.num_frames == 9
    for index in range(9):
        picture, given = key.frame(index)
        assert torch.equal(picture, CLIP[index])
        assert torch.equal(given, AREA[index])
