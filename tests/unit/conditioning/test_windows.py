"""The plan of windows, worked out by hand, and what each window is given."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.timeline import place
from comfyui_anisora.anisora_core.conditioning.windows import (
    HandedOver,
    area_of,
    default_way,
    encode_window,
    keyframes_of,
    plan_windows,
    text_of,
    window_timeline,
)
from comfyui_anisora.anisora_core.domain.conditions import GuideRules, Keyframe, MotionArea, Segment, Timeline
from comfyui_anisora.anisora_core.domain.grid import LatentGrid
from comfyui_anisora.anisora_core.releases import RELEASES, find_release

RULES = GuideRules()
V1 = find_release("V1").guide_rules
EVERY_EIGHTH = replace(RULES, key_multiple=8)
RED = torch.tensor([1.0, 0.0, 0.0]).expand(16, 16, 3)
BLUE = torch.tensor([0.0, 0.0, 1.0]).expand(16, 16, 3)
GREEN = torch.tensor([0.0, 1.0, 0.0]).expand(16, 16, 3)


def rows(*arguments, **more):
    """(start, frames, latents handed over) of each window."""
    return [(one.start, one.num_frames, one.handed) for one in plan_windows(*arguments, **more)]


def test_a_shot_of_one_window_is_a_clip():
    assert rows(33, 33, RULES, "latents") == [(0, 33, 0)]
    assert rows(17, 33, RULES, "anchored") == [(0, 17, 0)]


def test_windows_that_hand_over_two_latents():
    """33 frames are 9 latents; each later window has 9 - 1 - 2 = 6 new ones. 129 frames are 33 latents: 9 + 4 * 6."""
    assert rows(129, 33, RULES, "latents") == [
        (0, 33, 0), (24, 33, 2), (48, 33, 2), (72, 33, 2), (96, 33, 2),
    ]  # fmt: skip


def test_windows_that_hand_over_the_last_frame():
    """33 + 3 * 32 = 129, each window beginning with the last frame of the one before."""
    assert rows(129, 33, RULES, "frame") == [(0, 33, 0), (32, 33, 0), (64, 33, 0), (96, 33, 0)]


def test_the_last_window_is_filled_with_latents_where_they_can_be_given():
    """37 frames are 10 latents: one is new, so seven of the nine others are handed over; SVI's network is shown one only."""
    assert rows(37, 33, RULES, "anchored") == [(0, 33, 0), (4, 33, 7)]
    assert rows(37, 33, RULES, "svi") == [(0, 33, 0), (28, 9, 1)]
    assert rows(37, 33, RULES, "frame") == [(0, 33, 0), (32, 5, 0)]


def test_windows_start_where_keyframes_are_legal():
    """Every 8th frame is every 2nd latent: one latent handed over becomes two, so that windows start on multiples of 8."""
    planned = rows(81 + 72 + 20, 81, EVERY_EIGHTH, "latents", handed=1)
    assert planned == [(0, 81, 0), (72, 81, 2), (96, 77, 14)]
    assert all(start % 8 == 0 for start, _, _ in planned)


def test_v1_takes_windows_of_whole_runs():
    """CogVideoX's VAE wants 1 + 8 n frames, of the shot and of each window."""
    planned = plan_windows(105, 49, V1, "frame")
    assert [(one.start, one.num_frames) for one in planned] == [(0, 49), (48, 49), (96, 9)]
    for one in planned:
        V1.grid.latent_frames(one.num_frames)


@pytest.mark.parametrize("release", RELEASES.values(), ids=lambda release: release.name)
@pytest.mark.parametrize("windows", [1.0, 1.3, 2.0, 3.7])
def test_every_frame_is_new_once_in_every_release(release, windows):
    rules = release.guide_rules
    total = rules.grid.nearest_length(int(release.num_frames * windows))
    for way in {"frame", default_way(rules)}:
        planned = plan_windows(total, release.num_frames, rules, way)
        frames = [frame for one in planned for frame in one.new_frames]
        assert frames == list(range(total))
        assert all(one.num_frames <= release.num_frames for one in planned)
        latents = sum(rules.grid.latent_frames(one.num_frames) - one.first_new_latent for one in planned)
        assert latents == rules.grid.latent_frames(total)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((30, 33, RULES, "latents"), "length 30 does not fit the VAE"),
        ((129, 32, RULES, "latents"), "window 32: windows have 1 + a multiple of 4 frames; use 29"),
        ((129, 9, RULES, "latents"), "window 9: windows have 1 + a multiple of 4 frames; use 13"),
        ((129, 29, EVERY_EIGHTH, "frame"), "window 29: windows have 1 + a multiple of 8 frames; use 25"),
        ((97, 49, V1, "latents"), "way 'latents': this model takes single drawings, no latents; use frame"),
        ((161, 81, replace(RULES, key_multiple=None), "anchored"), "on the first frame only; use frame"),
        ((129, 33, RULES, "frame", 2), "handed 2: the way frame hands over no latents"),
        ((129, 33, RULES, "latents", 0), "handed 0: the way latents hands over at least 1 latent"),
        ((129, 33, RULES, "late"), "way 'late' is unknown; use one of latents, anchored, frame, svi"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_line(arguments, said):
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        plan_windows(*arguments)
    assert "\n" not in str(error.value)


def shot(*keys: Keyframe, num_frames: int = 57):
    return place(Timeline(num_frames, 12.0, 16, 16, keys), 1)


def test_keyframes_go_to_the_window_that_makes_their_frame():
    """Windows of 33: new frames 0..32 and, six latents later, 33..56, which starts on frame 24."""
    windows = plan_windows(57, 33, RULES, "latents")
    placed = shot(Keyframe(RED, "0"), Keyframe(BLUE, "32"), Keyframe(GREEN, "33"), Keyframe(RED, "last"))
    first, second = keyframes_of(placed, windows)
    assert [key.frame for key in first] == [0, 32]
    assert [key.frame for key in second] == [9, 32]


def test_texts_go_to_the_windows_that_make_their_frames():
    """Two texts in one window are said with its own seconds, at 12 frames a second."""
    first, second = plan_windows(57, 33, RULES, "latents")
    segments = [Segment(0, 33, "she waves"), Segment(33, 45, "she walks"), Segment(45, 57, "she sits")]
    assert text_of("a girl", segments, first, 12.0) == "a girl she waves"
    assert (
        text_of("", segments, second, 12.0)
        == "From 0.8 s to 1.8 s: she walks. From 1.8 s to 2.8 s: she sits."
    )
    assert text_of("a girl", [], second, 12.0) == "a girl"


def test_a_motion_area_spans_windows():
    area = torch.zeros(57, 2, 2)
    area[24:] = torch.arange(24, 57)[:, None, None] / 57
    window = plan_windows(57, 33, RULES, "latents")[1]
    own = area_of(MotionArea(area), window, 57)
    assert own is not None
    assert torch.equal(own.area_FHW, area[24:])
    one = MotionArea(area[:1])
    assert area_of(one, window, 57) is one
    with pytest.raises(ValueError, match="use one frame or 57"):
        area_of(MotionArea(area[:5]), window, 57)


class Recorder:
    """An encoder whose latents say which video they are of: the mean of each latent's frames."""

    def __call__(self, video):
        self.video = video[0]
        runs = [video[:, :, :1], *video[:, :, 1:].split(4, dim=2)]
        return torch.cat(
            [run.mean((1, 2, 3, 4)).view(1, 1, 1, 1, 1).expand(1, 16, 1, 2, 2) for run in runs], 2
        )


HANDED = HandedOver(torch.full((1, 16, 2, 2, 2), 7.0), torch.full((9, 16, 16, 3), 0.25))


def second_window(way, rules=RULES, motion_area=None, blank=0.0):
    windows = plan_windows(57, 33, rules, way, 2)
    placed = shot(Keyframe(RED, "0"), Keyframe(BLUE, "last"))
    timeline = window_timeline(placed, windows[1], keyframes_of(placed, windows)[1])
    encode = Recorder()
    guide = encode_window(
        timeline, way, HANDED, rules, encode, anchor_HWC=RED, motion_area=motion_area, blank=blank
    )
    return guide, encode.video


def test_latents_are_handed_over_unchanged_and_given():
    guide, video = second_window("latents")
    assert guide.latent_BCTHW[:, :, 1:3].eq(7.0).all()
    given = guide.mask_BMTHW[0].mean((2, 3))
    assert given[:, :3].eq(1.0).all()
    assert given[:, 3:8].eq(0.0).all()
    assert given[:, 8].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert video[:, :9].eq(-0.5).all()
    assert video[:, 32].flatten(1)[:, 0].tolist() == [-1.0, -1.0, 1.0]


def test_anchored_shows_the_drawing_in_latent_0():
    guide, video = second_window("anchored")
    assert video[:, 0].flatten(1)[:, 0].tolist() == [1.0, -1.0, -1.0]
    assert video[:, 1:9].eq(-0.5).all()
    assert guide.mask_BMTHW[0, :, :3].eq(1.0).all()


def test_svi_gives_latent_0_only_and_the_rest_is_zero_for_the_network():
    guide, _ = second_window("svi", blank=3.0)
    given = guide.mask_BMTHW[0].mean((2, 3))
    assert given[:, 0].eq(1.0).all()
    assert given[:, 1:8].eq(0.0).all()
    assert guide.latent_BCTHW[:, :, 1:3].eq(7.0).all()
    assert guide.latent_BCTHW[:, :, 3:8].eq(3.0).all()
    assert not guide.latent_BCTHW[:, :, [0, 8]].eq(3.0).any()


def test_what_stays_still_is_the_drawing_however_long_the_shot():
    """Not what the window before made of it: outside the area the new frames are given from the drawing of the first window."""
    left = torch.zeros(1, 16, 16)
    left[:, :, :8] = 1.0
    guide, video = second_window("latents", motion_area=MotionArea(left, "condition"))
    assert video[:, 20, :, 8:].flatten(1)[:, 0].tolist() == [1.0, -1.0, -1.0]
    assert video[:, 20, :, :8].eq(0.0).all()
    assert video[:, :9].eq(-0.5).all()
    assert guide.mask_BMTHW[0, :, 5, :, 0].eq(0.0).all()
    assert guide.mask_BMTHW[0, :, 5, :, 1].eq(1.0).all()
    held, _ = second_window("latents", motion_area=MotionArea(left, "hold"))
    assert held.lock is not None
    red = torch.tensor([1.0, -1.0, -1.0]).mean()
    assert held.lock.latent_BCTHW[:, :, 3].eq(red).all()


def test_a_canvas_that_shows_neighbours_goes_over_to_the_drawing():
    """Over the 24 new frames, from what was handed over (0.9) to what was drawn (0.5); not where another drawing follows."""
    drawing, last = torch.full((16, 16, 3), 0.5), torch.full((16, 16, 3), 0.9)
    handed = HandedOver(torch.zeros(1, 16, 2, 2, 2), last.expand(9, -1, -1, -1))
    rules = replace(RULES, between="flow")
    windows = plan_windows(57, 33, rules, "latents")

    def canvas(*more: Keyframe):
        placed, encode = shot(Keyframe(drawing, "0"), *more), Recorder()
        own = window_timeline(placed, windows[1], keyframes_of(placed, windows)[1])
        encode_window(own, "latents", handed, rules, encode, anchor_HWC=drawing)
        return encode.video[0, :, 0, 0] / 2 + 0.5

    alone = canvas()
    assert alone[:9].isclose(torch.tensor(0.9)).all()
    assert alone[9:].isclose(0.9 - 0.4 * torch.arange(1, 25) / 24, atol=1e-6).all()
    followed = canvas(Keyframe(torch.full((16, 16, 3), 0.7), "44"))
    assert followed[20:].isclose(torch.tensor(0.7), atol=0.01).all()


def test_the_last_frame_is_a_drawing_like_others_for_releases_of_the_first_frame_only():
    rules = replace(RULES, key_multiple=None)
    windows = plan_windows(57, 33, rules, "frame")
    placed = place(Timeline(57, 12.0, 16, 16, (Keyframe(RED, "0"),)), None)
    timeline = window_timeline(placed, windows[1], ())
    handed = HandedOver(torch.zeros(1, 16, 0, 2, 2), torch.full((1, 16, 16, 3), 0.25))
    encode = Recorder()
    guide = encode_window(timeline, "frame", handed, rules, encode, anchor_HWC=RED)
    assert encode.video[:, 0].eq(-0.5).all()
    assert guide.mask_BMTHW[0, :, 0].eq(1.0).all()
    assert guide.mask_BMTHW[0, :, 1:].eq(0.0).all()


def test_defaults_by_release():
    assert {name: default_way(one.guide_rules) for name, one in RELEASES.items()} == {
        "mini": "anchored", "anymask": "anchored", "V1": "frame", "V1-RL": "frame", "V2": "frame", "V3": "frame",
        "V3.1": "frame", "V3.2": "frame",
    }  # fmt: skip
    assert RULES.grid == LatentGrid()
