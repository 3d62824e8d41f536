"""Long Shot and Continue without a host: the same latents as the core's, and parts put together by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, MotionArea, Segment, Timeline
from comfyui_anisora.anisora_core.domain.latents import RawLatent
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.generation.long_shot import LongShot, WindowMade, joined, make_windows
from comfyui_anisora.anisora_core.generation.pipeline import Request
from comfyui_anisora.anisora_core.media.images import read_image
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.nodes.continue_clip import AniSoraContinue, AniSoraLongShot
from comfyui_anisora.nodes.host.standalone.handles import ClipHandle, ModelHandle, VaeHandle
from comfyui_anisora.nodes.keyframe_timeline import AniSoraTimeline

from tests.small_inputs import DRAWINGS

MINI = find_release("mini")
WALK = read_image(DRAWINGS / "walk_first.png")
SETTINGS = {"steps": 1, "cfg": 0.0, "shift": 0.0, "sampler": "auto"}


@pytest.fixture(scope="module")
def mini():
    return load_mini()


@pytest.fixture(scope="module")
def wires(mini):
    return {
        "model": ModelHandle(mini.transformer, mini.vae),
        "vae": VaeHandle(mini.vae),
        "clip": ClipHandle(mini.text_encoder),
    }


def timeline(length: int, *keyframes: Keyframe, segments: tuple[Segment, ...] = ()):
    placed, *_ = AniSoraTimeline().build(MINI, length, 0.0, 32, 32, keyframes=keyframes)
    return replace(placed, segments=segments)


def long_shot(wires, placed, **choices):
    asked = {
        "text": "a girl walks",
        "motion_score": -1.0,
        "seed": 5,
        "join": "auto",
        "handed": 0,
        "window": 17,
    }
    made = AniSoraLongShot().sample(
        **wires, timeline=placed, release=MINI, **SETTINGS, **{**asked, **choices}
    )
    return made["result"]


@pytest.mark.parametrize("way", ["latents", "anchored", "frame", "svi"])
def test_the_node_samples_what_the_core_does(mini, wires, way):
    """But for what a latent loses on a wire, where it is not normalised."""
    drawing = Keyframe(WALK, "first")
    segments = (Segment(17, 25, "she stops"),)
    request = Request(Timeline(25, 12.0, 32, 32, (drawing,)), prompt="a girl walks", steps=1, seed=5)
    shot = LongShot(request, segments, window_frames=17, way=way)
    windows = [event for event in make_windows(mini, MINI, shot) if isinstance(event, WindowMade)]
    expected = mini.vae.denormalize(joined([event.latent_BCTHW for event in windows]))
    latent, _ = long_shot(wires, timeline(25, drawing, segments=segments), join=way)
    assert torch.allclose(latent["samples"], expected, atol=1e-3)


def test_texts_and_area_of_the_timeline_act_where_they_are(wires):
    placed = timeline(25, Keyframe(WALK, "first"))
    plain = long_shot(wires, placed)[0]["samples"]
    later = replace(placed, segments=(Segment(20, 25, "she sits down"),))
    changed = long_shot(wires, later)[0]["samples"]
    assert torch.equal(plain[:, :, :5], changed[:, :, :5])
    assert not torch.allclose(plain[:, :, 5:], changed[:, :, 5:])
    area = torch.ones(25, 32, 32)
    area[20:, :, :16] = 0.0
    held = long_shot(wires, placed, motion_area=MotionArea(area, "condition"))[0]["samples"]
    assert torch.allclose(plain[:, :, :5], held[:, :, :5])
    assert not torch.allclose(plain[:, :, 5:], held[:, :, 5:])


def add_part(wires, so_far, placed, **choices):
    handles = {name: wires[name] for name in ("model", "vae")}
    words = wires["clip"].encode_from_tokens_scheduled(wires["clip"].tokenize("a girl walks"))
    asked = {"seed": 6, "join": "auto", "handed": 0}
    node = AniSoraContinue()
    made = node.sample(
        **handles, positive=words, negative=words, samples={"samples": so_far}, timeline=placed, release=MINI,
        **SETTINGS, **{**asked, **choices},
    )  # fmt: skip
    return made["result"][0]["samples"]


def test_parts_by_hand_are_put_behind_the_clip_so_far(wires):
    clip = long_shot(wires, timeline(17, Keyframe(WALK, "first")))[0]["samples"]
    longer = add_part(wires, clip, timeline(9))
    assert torch.equal(longer[:, :, :5], clip)
    assert longer.shape[2] == 7
    longest = add_part(wires, longer, timeline(9, Keyframe(WALK, "last")), seed=7, join="frame")
    assert torch.equal(longest[:, :, :7], longer)
    assert longest.shape[2] == 9


def test_what_stays_still_in_a_part_is_its_drawing_on_frame_0(wires):
    clip = long_shot(wires, timeline(17, Keyframe(WALK, "first")))[0]["samples"]
    area = MotionArea(torch.zeros(9, 32, 32), "condition")
    kept = add_part(wires, clip, timeline(9, Keyframe(WALK, "first")), motion_area=area)
    other = add_part(wires, clip, timeline(9, Keyframe(1.0 - WALK, "first")), motion_area=area)
    drawing = timeline(9, Keyframe(WALK, "first")).keyframes[0].image_HWC
    drawn = wires["vae"].encode(drawing[None])[:, :, 0]
    near, far = ((one[:, :, -1] - drawn).abs().mean() for one in (kept, other))
    assert near < 0.5 * far


@pytest.mark.parametrize(
    ("latents", "size", "choices", "said"),
    [
        (
            2,
            4,
            {"join": "latents", "handed": 2},
            "the clip so far has 2 latents, and 3 are needed to hand over 2",
        ),
        (5, 8, {}, "timeline: it is 32x32, the clip so far 64x64; use one size for both"),
        (5, 4, {"join": "frame", "handed": 1}, "the way frame hands over no latents"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(wires, latents, size, choices, said):
    with pytest.raises(ValueError, match=said):
        add_part(wires, RawLatent(torch.zeros(1, 16, latents, size, size)), timeline(9), **choices)
    with pytest.raises(ValueError, match="a part of 1 frame has nothing new"):
        add_part(wires, RawLatent(torch.zeros(1, 16, 5, 4, 4)), timeline(1))
