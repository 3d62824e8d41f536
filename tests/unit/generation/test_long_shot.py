"""Windows one after another: what a stopped shot goes on with, and that one window is a clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Segment, Timeline
from comfyui_anisora.anisora_core.domain.protocols import Step
from comfyui_anisora.anisora_core.generation.components import Components
from comfyui_anisora.anisora_core.generation.kept_windows import KeptWindows, fingerprint_of
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.generation.long_shot import (
    LongShot,
    WindowMade,
    joined,
    make_long_shot,
    make_windows,
)
from comfyui_anisora.anisora_core.generation.pipeline import Frames, Request, make_clip
from comfyui_anisora.anisora_core.media.images import read_image
from comfyui_anisora.anisora_core.releases import find_release

from tests.small_inputs import DRAWINGS

MINI = find_release("mini")
WALK = read_image(DRAWINGS / "walk_first.png")


@pytest.fixture(scope="module")
def mini() -> Components:
    return load_mini()


def shot(num_frames: int = 25, **choices) -> LongShot:
    """Windows of 17 frames, 32x32, one step: 5 latents each, of which the next one is given 2."""
    timeline = Timeline(num_frames, 12.0, 32, 32, (Keyframe(WALK, "first"),))
    request = Request(timeline, prompt="a girl walks", steps=1, seed=5)
    return LongShot(request, **{"window_frames": 17, **choices})


def latents_of(mini, asked, kept=None):
    events = make_windows(mini, MINI, asked, kept)
    return joined([event.latent_BCTHW for event in events if isinstance(event, WindowMade)])


def frames_of(events):
    return torch.cat([event.frames_FHWC for event in events if isinstance(event, Frames)])


def test_one_window_is_a_clip_to_the_bit(mini):
    asked = shot(17)
    assert torch.equal(
        frames_of(make_long_shot(mini, MINI, asked)), frames_of(make_clip(mini, MINI, asked.request))
    )


@pytest.mark.parametrize("way", ["latents", "anchored", "frame", "svi"])
def test_a_shot_has_all_its_frames_and_each_window_its_own_seed(mini, way):
    asked = shot(33, way=way)
    events = list(make_long_shot(mini, MINI, asked))
    made = [event for event in events if isinstance(event, WindowMade)]
    assert len(frames_of(events)) == 33
    assert sum(event.latent_BCTHW.shape[2] for event in made) == 9
    first, later = made[0].latent_BCTHW, made[1].latent_BCTHW
    assert not torch.allclose(first[:, :, -1], later[:, :, -1])
    other = replace(asked, request=replace(asked.request, seed=6))
    assert not torch.equal(latents_of(mini, other), joined([event.latent_BCTHW for event in made]))


def test_the_frames_are_those_of_one_causal_decode(mini):
    asked = shot()
    latent = latents_of(mini, asked)
    with torch.inference_mode():
        whole = mini.vae.decode(mini.vae.denormalize(latent).to(next(mini.vae.parameters())))
    frames = frames_of(make_long_shot(mini, MINI, asked))
    assert torch.allclose(whole[0].movedim(0, -1).clamp(-1, 1) / 2 + 0.5, frames, atol=1e-4)


class Killed(BaseException):
    """As a process that ends."""


def test_a_shot_stopped_anywhere_goes_on_to_the_same_bits(mini, tmp_path):
    asked = shot(41)
    whole = latents_of(mini, asked)
    kept = KeptWindows(tmp_path / "clip.windows")
    for stop in range(1, 10):
        steps = 0
        try:
            for event in make_windows(mini, MINI, asked, kept):
                steps += isinstance(event, Step)
                if steps == stop:
                    raise Killed
        except Killed:
            continue
        break
    assert stop > 1
    events = list(make_windows(mini, MINI, asked, kept))
    assert not [event for event in events if isinstance(event, Step)]
    assert all(event.kept for event in events if isinstance(event, WindowMade))
    assert torch.equal(latents_of(mini, asked, kept), whole)
    # a window that was lost is made again, the others are taken as they are
    (tmp_path / "clip.windows" / "window_0002.safetensors").write_bytes(b"damaged")
    assert torch.equal(latents_of(mini, asked, kept), whole)


@pytest.mark.parametrize("num_frames", [17, 25])
def test_a_loop_ends_where_it_began_and_leaves_that_frame_out(mini, num_frames):
    asked = shot(num_frames, loop=True)
    frames = frames_of(make_long_shot(mini, MINI, asked))
    assert len(frames) == num_frames - 1
    with torch.inference_mode():
        raw = mini.vae.denormalize(latents_of(mini, asked)).to(next(mini.vae.parameters()))
        last = mini.vae.decode(raw)[0, :, -1].movedim(0, -1) / 2 + 0.5
    plain = frames_of(make_long_shot(mini, MINI, shot(num_frames)))[-1]
    assert (last - frames[0]).abs().mean() < 0.7 * (plain - frames[0]).abs().mean()


def test_a_loop_that_cannot_be_is_refused(mini):
    twice = shot(17, loop=True)
    keyframes = (*twice.request.timeline.keyframes, Keyframe(WALK, "last"))
    taken = replace(
        twice, request=replace(twice.request, timeline=replace(twice.request.timeline, keyframes=keyframes))
    )
    bare = replace(
        twice, request=replace(twice.request, timeline=replace(twice.request.timeline, keyframes=()))
    )
    for asked, said in (
        (taken, "there is a keyframe on the last frame"),
        (bare, "needs a drawing on its first frame"),
    ):
        with pytest.raises(ValueError, match=said):
            list(make_long_shot(mini, MINI, asked))


def test_windows_of_another_shot_or_other_networks_do_not_count(mini, tmp_path):
    kept = KeptWindows(tmp_path, "weights 1")
    asked = shot()
    latents_of(mini, asked, kept)
    louder = replace(asked, segments=(Segment(0, 9, "she runs"),))
    other_drawing = replace(
        asked,
        request=replace(
            asked.request, timeline=replace(asked.request.timeline, keyframes=(Keyframe(1 - WALK, "first"),))
        ),
    )
    for changed, place in (
        (louder, kept),
        (other_drawing, kept),
        (asked, KeptWindows(tmp_path, "weights 2")),
    ):
        event = next(e for e in make_windows(mini, MINI, changed, place) if isinstance(e, Step | WindowMade))
        assert isinstance(event, Step)
    assert isinstance(
        next(e for e in make_windows(mini, MINI, asked, kept) if isinstance(e, Step | WindowMade)), WindowMade
    )


def test_only_windows_are_removed(tmp_path):
    kept = KeptWindows(tmp_path / "clip.windows")
    kept.remove()
    kept.write(0, "", torch.zeros(1, 1, 1, 1, 1))
    (kept.folder / "mine.txt").write_text("text")
    kept.remove()
    assert [path.name for path in kept.folder.iterdir()] == ["mine.txt"]


def test_a_fingerprint_changes_with_any_value():
    one = Timeline(9, 12.0, 32, 32, (Keyframe(torch.zeros(2, 2, 3), "first"),))
    same = Timeline(9, 12.0, 32, 32, (Keyframe(torch.zeros(2, 2, 3), "first"),))
    assert fingerprint_of(one) == fingerprint_of(same)
    others = [
        replace(one, fps=13.0),
        replace(one, keyframes=()),
        replace(one, keyframes=(Keyframe(torch.full((2, 2, 3), 1e-7), "first"),)),
        replace(one, keyframes=(Keyframe(torch.zeros(2, 2, 3), "last"),)),
    ]
    assert len({fingerprint_of(value) for value in (one, *others)}) == 5
    with pytest.raises(TypeError, match="PosixPath has no fingerprint"):
        fingerprint_of(Path())
