"""Positions, the legal keyframe grid of a release, and drawings brought to the clip's size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..domain.conditions import Geometry, Keyframe, PlacedKeyframe, PlacedTimeline, Timeline
from ..media.resize import cover, cover_crop, stretch, v1_cover_crop
from .areas import fit_mask


def parse_position(text: str, num_frames: int, fps: float) -> int:
    """`12` frames, `0.5s`, `50%`, `first`, `last` -> frame index in 0..num_frames - 1. ValueError otherwise.

    Per cent follow upstream: int((F - 1) * p) (Index-anisora V3, image2video_any).
    """
    word = text.strip().lower()
    try:
        frame = _frame_of(word, num_frames, fps)
    except (ValueError, OverflowError):
        raise ValueError(
            f"position {text!r} is not one of: a frame (12), seconds (0.5s), per cent (50%), first, last"
        ) from None
    if not 0 <= frame < num_frames:
        raise ValueError(
            f"position {text!r} is frame {frame}, outside the clip of {num_frames} frames; "
            f"use 0 to {num_frames - 1}"
        )
    return frame


def _frame_of(word: str, num_frames: int, fps: float) -> int:
    if word in ("first", "last"):
        return 0 if word == "first" else num_frames - 1
    if word.endswith("%"):
        share = float(word[:-1])
        return num_frames if share > 100.0 else math.floor((num_frames - 1) * share / 100.0)
    if word.endswith("s"):
        return round(float(word[:-1]) * fps)
    return int(word)


def snap_to_grid(frame: int, num_frames: int, key_multiple: int | None) -> int:
    """The legal frame a release takes instead of `frame`; None: the first frame only.

    Upstream rounds to multiples of 8 with Python's rule for halves: round(i / 8) * 8.
    """
    if key_multiple is None:
        return 0
    snapped = round(frame / key_multiple) * key_multiple
    last_legal = (num_frames - 1) // key_multiple * key_multiple
    return min(snapped, last_legal)


def place(timeline: Timeline, key_multiple: int | None, program_fit: Geometry = "stretch") -> PlacedTimeline:
    """Keyframes on a release's legal frames, their pictures resized. Nobody else reads a position.

    `program_fit`: what `compat` means. ValueError for a position outside the clip, or two keyframes on one frame.
    """
    placed: dict[int, PlacedKeyframe] = {}
    report: list[str] = []
    fit = program_fit if timeline.fit == "compat" else timeline.fit
    for number, keyframe in enumerate(timeline.keyframes, start=1):
        places, moved = places_of(number, keyframe, timeline, key_multiple)
        report += [moved] if moved else []
        for index, frame in places:
            if frame in placed:
                raise ValueError(
                    f"keyframe {number}: two keyframes on frame {frame} (position {keyframe.position!r}); move one"
                )
            picture, given = keyframe.frame(index)
            size, is_first = (timeline.height, timeline.width), index == places[0][0]
            image, sentence = fit_picture(picture, *size, fit, clamp=timeline.fit != "compat")
            if sentence and is_first:
                report.append(f"keyframe {number} {sentence}")
            given = None if given is None else fit_mask(given, *size, fit)
            placed[frame] = PlacedKeyframe(frame, image, keyframe.strength, picture, given, not is_first)
    keyframes = tuple(placed[frame] for frame in sorted(placed))
    return PlacedTimeline(
        timeline.num_frames,
        timeline.fps,
        timeline.height,
        timeline.width,
        keyframes,
        keyframes[0].drawing_HWC if keyframes else None,
        fit,
        tuple(report),
    )


def places_of(
    number: int, keyframe: Keyframe, timeline: Timeline, key_multiple: int | None
) -> tuple[list[tuple[int, int]], str]:
    """(frame of the run, frame of the clip) of each picture that a release takes; and a sentence where that is not as asked, or ''.

    A single picture moves to the nearest legal frame; of a run, those on legal frames are taken. ValueError for a run that ends after
    the clip, or none of whose frames is legal.
    """
    asked, count, length = (
        parse_position(keyframe.position, timeline.num_frames, timeline.fps),
        keyframe.num_frames,
        timeline.num_frames,
    )
    grid = "only the first frame" if key_multiple is None else f"every {key_multiple}th frame"
    if count == 1:
        frame = snap_to_grid(asked, length, key_multiple)
        moved = f"keyframe {number} moved from frame {asked} to {frame}: this release takes {grid}"
        return [(0, frame)], moved if frame != asked else ""
    start = asked - count + 1 if keyframe.position.strip().lower() == "last" else asked
    if start < 0 or start + count > length:
        raise ValueError(
            f"keyframe {number}: its {count} frames from frame {start} on do not lie in the clip of {length} frames; "
            "use fewer, or a longer clip"
        )
    run = [(index, start + index) for index in range(count)]
    legal = [(index, frame) for index, frame in run if snap_to_grid(frame, length, key_multiple) == frame]
    if not legal:
        raise ValueError(
            f"keyframe {number}: this release takes {grid}, and none of its {count} frames is one; move it"
        )
    said = f"keyframe {number}: {len(legal)} of its {count} frames are given: this release takes {grid}"
    return legal, said if len(legal) < count else ""


def require_legal(placed: PlacedTimeline, key_multiple: int | None) -> None:
    """ValueError for a keyframe on a frame that a release does not take, as when the timeline was placed for another one."""
    for key in placed.keyframes:
        legal = snap_to_grid(key.frame, placed.num_frames, key_multiple)
        if key.frame != legal:
            raise ValueError(
                f"timeline: this release takes no keyframe on frame {key.frame} (the nearest is {legal}); give AniSora Timeline the "
                "same release"
            )


def fit_picture(
    image_HWC: Tensor, height: int, width: int, fit: Geometry = "crop", *, clamp: bool = True
) -> tuple[Tensor, str]:
    """Resize to cover height x width and crop the centre, or pull to it -> (HWC, sentence or '').

    `clamp`: to 0..1; else as AniSora's own programs, whose bicubic overshoots at lines.
    """
    if image_HWC.ndim != 3 or image_HWC.shape[2] not in (3, 4) or 0 in image_HWC.shape:
        raise ValueError(f"image has shape {tuple(image_HWC.shape)}; use one RGB picture (height, width, 3)")
    if not torch.isfinite(image_HWC).all():
        raise ValueError("image has values that are not finite; load it again from the file")
    image = flatten_alpha(image_HWC.float())
    source, target = (image.shape[0], image.shape[1]), (height, width)
    if source == target:
        return image, ""
    if fit == "stretch":
        stretched = stretch(image[None], target)[0]
        return stretched.clamp(0.0, 1.0) if clamp else stretched, "stretched to the clip's aspect ratio"
    planes = image.movedim(2, 0)[None]
    cropped = cover_crop(planes, target, "bicubic") if clamp else v1_cover_crop(planes, target)
    cropped = cropped[0].movedim(0, 2)
    lost = 1.0 - height * width / math.prod(cover(source, target).scaled)
    return cropped, f"cropped: {lost:.0%} of the picture lies outside {width}x{height}" if lost > 0.02 else ""


def flatten_alpha(image_HWC: Tensor, paper: Tensor | float = 1.0) -> Tensor:
    """RGBA over paper, a colour [3] of 0..1, white unless another is said; RGB unchanged. Of several pictures, too."""
    if image_HWC.shape[-1] == 3:
        return image_HWC
    alpha = image_HWC[..., 3:]
    return image_HWC[..., :3] * alpha + (1.0 - alpha) * paper


def holding_keyframe(placed: Sequence[PlacedKeyframe], frame: int) -> PlacedKeyframe:
    """The keyframe in force at `frame`: the last one at or before it, else the first one. Frames handed over count only without any."""
    drawn = [key for key in placed if not key.handed] or placed
    earlier = [key for key in drawn if key.frame <= frame]
    return earlier[-1] if earlier else drawn[0]
