"""Long shots: a timeline of any length as windows of the length that a release is made for, each continuing the one before it.

All windows but the first begin with what the one before hands over: its last `handed` latents, unchanged, as latents 1 and on; latent 0
is a single picture, as in every clip. Only the latents after those are new, so that the new latents of all windows in a row are the
latents of one clip, which the causal VAE decodes at once and without a joint. The ways:

- `latents`: latent 0 is the frame before the latents handed over; all of it is given.
- `anchored`: latent 0 is the drawing in force instead, without one the shot's first frame; all of it is given.
- `frame`: nothing but the last frame, encoded anew as latent 0; what every image-to-video model can do.
- `svi`: latent 0 as `anchored`, but only it is given; the latents handed over are shown ungiven, and what is not given is zero for the
  network. For LoRAs of Stable Video Infinity 2.0 Pro (as public nodes for them do it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, cast

import torch
from torch import Tensor

from ..domain.conditions import (
    Guide,
    GuideRules,
    Handover,
    MotionArea,
    PlacedKeyframe,
    PlacedTimeline,
    Segment,
)
from ..domain.grid import LatentGrid
from ..domain.latents import Latent
from .guide import Encoder, encode_guide
from .prompt import compose_segments

#: Latents handed over unless another number is asked for.
HANDED: dict[Handover, int] = {"latents": 2, "anchored": 2, "frame": 0, "svi": 1}


def default_way(rules: GuideRules) -> Handover:
    """`anchored` for models trained with given frames anywhere, `frame` for the others, which have seen single drawings only."""
    return "anchored" if rules.method == "dense" and rules.key_multiple == 1 else "frame"


@dataclass(frozen=True)
class ShotWindow:
    """`start`: the frame of the shot that the window's own frame 0 is, or stands for. Of its latents, 1..`handed` are handed over."""

    start: int
    num_frames: int
    handed: int
    grid: LatentGrid
    is_first: bool = False

    @property
    def first_new(self) -> int:
        """Its own number of its first new frame: 0 of the first window."""
        return 0 if self.is_first else self.grid.num_frames(1 + self.handed)

    @property
    def new_frames(self) -> range:
        """Frames of the shot."""
        return range(self.start + self.first_new, self.start + self.num_frames)

    @property
    def first_new_latent(self) -> int:
        return 0 if self.is_first else 1 + self.handed


def plan_windows(
    num_frames: int, window_frames: int, rules: GuideRules, way: Handover, handed: int | None = None
) -> tuple[ShotWindow, ...]:
    """Windows of `window_frames`, in order, whose new frames are all frames of the shot, each once.

    Every window starts on a frame of the shot that is a multiple of the release's `key_multiple`, so that a keyframe that is legal in the
    shot is so in its window; `handed` is rounded up where that needs it. The last window is as long as the others where more latents can
    be given to it (`latents` and `anchored`), else shorter. ValueError for lengths off the grid, or where no frame would be new.
    """
    grid, total = rules.grid, rules.grid.latent_frames(num_frames)
    unit = latents_per_key(rules)
    handed = round_up(checked_handover(rules, way, handed), unit)
    window = min(total, window_latents(window_frames, grid, unit, handed))
    most_new = window - 1 - handed
    windows, done = [ShotWindow(0, grid.num_frames(window), 0, grid, is_first=True)], window
    while done < total:
        new = min(most_new, total - done)
        more = (window - 1 - new) // unit * unit if way in ("latents", "anchored") else handed
        start = grid.num_frames(done - more) - 1
        windows.append(ShotWindow(start, grid.num_frames(1 + more + new), more, grid))
        done += new
    return tuple(windows)


def latents_per_key(rules: GuideRules) -> int:
    """Latents between two frames that may be keyframes, at least 1."""
    return max(1, (rules.key_multiple or 1) // rules.grid.frames_per_latent)


def round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def checked_handover(rules: GuideRules, way: Handover, handed: int | None) -> int:
    """How many latents are handed over. ValueError for a way that the model does not take, or a number that it does not."""
    if way not in HANDED:
        raise ValueError(f"way {way!r} is unknown; use one of {', '.join(HANDED)}")
    if way != "frame" and rules.method == "per_keyframe":
        raise ValueError(f"way {way!r}: this model takes single drawings, no latents; use frame")
    if way in ("latents", "anchored") and rules.key_multiple is None:
        raise ValueError(f"way {way!r}: this release takes a drawing on the first frame only; use frame")
    handed = HANDED[way] if handed is None else handed
    if way == "frame" and handed:
        raise ValueError(f"handed {handed}: the way frame hands over no latents; use 0, or another way")
    if way != "frame" and handed < 1:
        raise ValueError(f"handed {handed}: the way {way} hands over at least 1 latent")
    return handed


def window_latents(window_frames: int, grid: LatentGrid, unit: int, handed: int) -> int:
    """Of a window of so many frames. ValueError where it is off the grid, or has no room for a new latent."""
    step = max(grid.frames_multiple, unit * grid.frames_per_latent)
    shortest = grid.num_frames(1 + handed + max(unit, grid.latents_per_run))
    if window_frames < shortest or (window_frames - 1) % step:
        nearest = max(shortest, (window_frames - 1) // step * step + 1)
        raise ValueError(
            f"window {window_frames}: windows have 1 + a multiple of {step} frames; use {nearest}"
        )
    return grid.latent_frames(window_frames)


def keyframes_of(
    placed: PlacedTimeline, windows: Sequence[ShotWindow]
) -> tuple[tuple[PlacedKeyframe, ...], ...]:
    """For each window the keyframes among its new frames, on its own frames."""
    return tuple(
        tuple(
            replace(key, frame=key.frame - window.start)
            for key in placed.keyframes
            if key.frame in window.new_frames
        )
        for window in windows
    )


def text_of(prompt: str, segments: Sequence[Segment], window: ShotWindow, fps: float) -> str:
    """The prompt, and the texts for some of the window's new frames, with seconds of the window's own where there are several."""
    own = window.new_frames
    here = [
        Segment(max(one.start, own.start) - window.start, min(one.end, own.stop) - window.start, one.text)
        for one in segments
        if max(one.start, own.start) < min(one.end, own.stop)
    ]
    return " ".join(filter(None, (prompt, compose_segments(here, fps))))


def area_of(area: MotionArea | None, window: ShotWindow, num_frames: int) -> MotionArea | None:
    """The motion area of the whole shot, of one mask or one for each frame, as the window's own."""
    if area is None or area.area_FHW.ndim == 2 or area.area_FHW.shape[0] == 1:
        return area
    if area.area_FHW.shape[0] != num_frames:
        raise ValueError(
            f"motion_area: the mask has shape {tuple(area.area_FHW.shape)}; use one frame or {num_frames}, one per frame"
        )
    return replace(area, area_FHW=area.area_FHW[window.start : window.start + window.num_frames])


@dataclass(frozen=True)
class HandedOver(Generic[Latent]):
    """What a window gives to the next one: `latent_BCTHW`, its last latents (T may be 0); `frames_FHWC`, 0..1, the frames of those and the
    one before them."""

    latent_BCTHW: Latent
    frames_FHWC: Tensor

    def put_into(self, latent_BCTHW: Latent) -> Latent:
        """A copy of the window's latents in which those handed over, 1 and on, are as they were."""
        filled = latent_BCTHW.clone()
        filled[:, :, 1 : 1 + self.latent_BCTHW.shape[2]] = self.latent_BCTHW.to(filled)
        return cast(Latent, filled)


def hand_over(previous: Latent, frames_FHWC: Tensor, window: ShotWindow) -> HandedOver[Latent]:
    """What `window` gets of the latents before it and of their frames, which may be more than it needs."""
    last = previous[:, :, previous.shape[2] - window.handed :]
    return HandedOver(cast(Latent, last), frames_FHWC[-window.grid.num_frames(window.handed + 1) :])


def window_timeline(
    placed: PlacedTimeline, window: ShotWindow, keyframes: Sequence[PlacedKeyframe]
) -> PlacedTimeline:
    """The window as a timeline of its own; what stays still in it is taken from the drawing in force, even of an earlier window."""
    earlier = [key for key in placed.keyframes if key.frame < window.new_frames.start]
    before = earlier[-1] if earlier else None
    return replace(
        placed,
        num_frames=window.num_frames,
        keyframes=tuple(keyframes),
        before=None if before is None else replace(before, frame=before.frame - window.start),
        report=placed.report if window.is_first else (),
    )


def next_part(
    timeline: PlacedTimeline, handed: int, rules: GuideRules, so_far_BCTHW: Tensor
) -> tuple[PlacedTimeline, ShotWindow]:
    """One more part behind a clip whose latents are there. `timeline` is the part's: its frame 0 is the clip's last frame, and a keyframe
    there is not shown, but is the drawing in force. ValueError where the two do not go together."""
    grid, count = rules.grid, so_far_BCTHW.shape[2]
    handed = round_up(handed, latents_per_key(rules))
    latents, *size = grid.latent_shape(timeline.num_frames, timeline.height, timeline.width)
    if size != list(so_far_BCTHW.shape[3:]):
        height, width = (side * grid.pixels_per_latent for side in so_far_BCTHW.shape[3:])
        raise ValueError(
            f"timeline: it is {timeline.width}x{timeline.height}, the clip so far {width}x{height}; use one size for both"
        )
    if latents < 2:
        raise ValueError(f"timeline: a part of {timeline.num_frames} frame has nothing new; use a longer one")
    if count < handed + 1:
        raise ValueError(
            f"samples: the clip so far has {count} latents, and {handed + 1} are needed to hand over {handed}; hand over fewer"
        )
    more = grid.num_frames(handed + 1) - 1
    window = ShotWindow(grid.num_frames(count - handed) - 1, timeline.num_frames + more, handed, grid)
    shifted = [replace(key, frame=key.frame + more) for key in timeline.keyframes]
    before = [key for key in shifted if key.frame == more]
    keyframes = tuple(key for key in shifted if key.frame > more)
    own = replace(timeline, num_frames=window.num_frames, keyframes=keyframes)
    return replace(own, before=before[0] if before else None), window


def area_of_part(area: MotionArea | None, window: ShotWindow) -> MotionArea | None:
    """The motion area of such a part, in front of which the window has frames that are handed over."""
    if area is None or area.area_FHW.ndim == 2 or area.area_FHW.shape[0] == 1:
        return area
    more = area.area_FHW[:1].expand(window.first_new - 1, -1, -1)
    return replace(area, area_FHW=torch.cat([more, area.area_FHW]))


def continued(
    timeline: PlacedTimeline, way: Handover, handed: HandedOver[Latent], anchor_HWC: Tensor
) -> PlacedTimeline:
    """With the frames handed over as keyframes; `anchor_HWC` is frame 0 where the way says so.

    A canvas that shows the keyframe before each frame (`between` flow) goes over from the last of them to `anchor_HWC` where no drawing
    follows. If it held the last one, each window would copy the errors of the one before it (`benchmarks/long_shots.py` has figures).
    """
    frames = handed.frames_FHWC
    head = anchor_HWC if way in ("anchored", "svi") else frames[0]
    tail = () if way == "svi" else frames[1:]
    given = [PlacedKeyframe(frame, image, 1.0, handed=True) for frame, image in enumerate((head, *tail))]
    given[-1] = replace(given[-1], then_HWC=anchor_HWC)
    return replace(timeline, keyframes=(*given, *timeline.keyframes))


def encode_window(
    timeline: PlacedTimeline,
    way: Handover,
    handed: HandedOver[Latent] | None,
    rules: GuideRules,
    encode: Encoder[Latent],
    *,
    anchor_HWC: Tensor,
    motion_area: MotionArea | None = None,
    blank: float | Tensor = 0.0,
) -> Guide[Latent]:
    """The guide of one window; `handed` is None for the first. `blank`: what the network sees as zero, in the latents of `encode`.

    ValueError for what the release cannot be given.
    """
    if handed is not None:
        timeline = continued(timeline, way, handed, anchor_HWC)
        rules = rules if rules.key_multiple is None else replace(rules, key_multiple=1)
    guide = encode_guide(timeline, rules, encode, motion_area=motion_area)
    latent: Tensor = guide.latent_BCTHW
    if way == "svi":
        given = guide.mask_BMTHW.amax((1, 3, 4)) > 0
        latent = torch.where(given[:, None, :, None, None], latent, torch.as_tensor(blank).to(latent))
    latent = cast(Latent, latent)
    return replace(guide, latent_BCTHW=latent if handed is None else handed.put_into(latent))
