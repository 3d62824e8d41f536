"""Drawings pinned to moments of a clip, and the clip they are on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..anisora_core.conditioning.prompt import compose_segments
from ..anisora_core.conditioning.timeline import flatten_alpha, parse_position, place
from ..anisora_core.domain.conditions import FITS, Fit, Keyframe, PlacedTimeline, Segment, Timeline
from ..anisora_core.domain.json_text import parse_json
from ..anisora_core.domain.release import Release
from ..anisora_core.media.images import WHITE, read_colour, read_image
from ..anisora_core.releases import RELEASES
from .host import fingerprint, host
from .inputs import advanced, choice, decimal, integer, of_release, socket, text
from .wire_types import KEYFRAMES, RELEASE, TIMELINE

#: `WIDTHxHEIGHT` -> (height, width), of all releases.
SIZES = {
    f"{width}x{height}": (height, width) for release in RELEASES.values() for width, height in release.sizes
}
#: What the widget must know to show where keyframes may be, by release.
WIDGET_RELEASES = {
    name: {
        "num_frames": release.num_frames,
        "fps": release.fps,
        "key_multiple": release.key_multiple,
        "frames_multiple": release.grid.frames_multiple,
        "sizes": release.sizes,
        "program_fit": release.program_fit,
    }
    for name, release in RELEASES.items()
}
_EXAMPLE = '{"keyframes": [{"image": "a.png", "position": "first", "strength": 1.0}]}'


class AniSoraKeyframe:
    CATEGORY = "AniSora"
    DESCRIPTION = "Place a drawing at a point in time of the clip. Chain several for more keyframes."
    SEARCH_ALIASES = (
        "key frame",
        "first frame",
        "last frame",
        "first last frame",
        "start image",
        "end image",
        "关键帧",
        "首帧",
        "尾帧",
        "キーフレーム",
        "原画",
    )
    RETURN_TYPES = (KEYFRAMES,)
    RETURN_NAMES = ("keyframes",)
    FUNCTION = "add"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": socket(
                    "IMAGE",
                    "One drawing; or a batch, as of a clip: its frames from the position on, at last up to the end.",
                ),
                "position": text("first", "A frame (12), seconds (0.5s), per cent (50%), first or last."),
                "strength": decimal(
                    1.0,
                    0.05,
                    1.0,
                    0.05,
                    "1: the frame matches the drawing. Lower: the drawing is followed more loosely.",
                ),
            },
            "optional": {
                "keyframes": socket(KEYFRAMES, "Keyframes before this one."),
                "given": socket(
                    "MASK",
                    "White is given, black is made by the model; one mask, or one for each picture. Not connected: all "
                    "is given. For releases with mask channels, best anymask.",
                ),
                "transparent": socket(
                    "MASK",
                    "The mask of Load Image, white where its picture is transparent: AniSora Timeline's paper shows there, as for "
                    "drawings dropped on the timeline. Not connected: whatever colour the file stores there, often "
                    "black.",
                ),
            },
        }

    def add(
        self,
        image: Tensor,
        position: str,
        strength: float,
        keyframes: tuple[Keyframe, ...] = (),
        given: Tensor | None = None,
        transparent: Tensor | None = None,
    ) -> tuple[tuple[Keyframe, ...]]:
        frames = with_alpha(image.float().cpu(), transparent)
        following = frames[1:] if len(frames) > 1 else None
        mask = None if given is None else given.float().cpu()
        return ((*keyframes, Keyframe(frames[0], position, strength, following, mask)),)


def with_alpha(frames_FHWC: Tensor, transparent_FHW: Tensor | None) -> Tensor:
    """RGBA, or RGB where all is opaque. A fourth channel is alpha; of `transparent_FHW`, 1 is transparent, and one mask is for all
    frames. ValueError when the mask has another size.
    """
    colours = frames_FHWC[..., :3]
    alpha = frames_FHWC[..., 3] if frames_FHWC.shape[-1] == 4 else torch.ones(frames_FHWC.shape[:3])
    # Load Image's mask of an opaque picture is empty, and has a size of its own.
    if transparent_FHW is not None and transparent_FHW.any():
        count, height, width = transparent_FHW.shape
        frames, *size = frames_FHWC.shape[:3]
        if [height, width] != size or count not in (1, frames):
            raise ValueError(
                f"transparent: the mask is {count} x {width}x{height}, the picture {frames} x {size[1]}x{size[0]}; connect the "
                "same Load Image's mask"
            )
        alpha = alpha * (1.0 - transparent_FHW.float().cpu())
    if bool((alpha == 1.0).all()):
        return colours
    return torch.cat([colours, alpha.expand(colours.shape[:3])[..., None]], dim=-1)


def on_paper(keyframe: Keyframe, paper: tuple[int, int, int]) -> Keyframe:
    """Its pictures as RGB over paper, 0..255, to the nearest of 256 levels as the files' reader has it; opaque ones as they are."""

    def mixed(picture: Tensor) -> Tensor:
        if picture.shape[-1] == 3:
            return picture
        return (flatten_alpha(picture, torch.tensor(paper) / 255.0) * 255.0).round() / 255.0

    following = keyframe.following_FHWC
    return replace(
        keyframe,
        image_HWC=mixed(keyframe.image_HWC),
        following_FHWC=None if following is None else mixed(following),
    )


class AniSoraTimeline:
    CATEGORY = "AniSora"
    DESCRIPTION = "The clip to make: length, frame rate, size, and its keyframes."
    SEARCH_ALIASES = (
        "keyframes",
        "in-between",
        "inbetweening",
        "tween",
        "first frame",
        "last frame",
        "first last frame",
        "anime",
        "storyboard",
        "preview",
        "时间轴",
        "时间线",
        "首尾帧",
        "中割",
        "补间",
        "分镜",
        "タイムライン",
        "中割り",
        "絵コンテ",
    )
    RETURN_TYPES = (TIMELINE, "INT", "FLOAT", "STRING")
    RETURN_NAMES = ("timeline", "length", "fps", "prompt")
    FUNCTION = "build"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "release": socket(RELEASE, "From the loader."),
                "length": of_release(
                    integer(
                        0,
                        0,
                        4097,
                        "Number of frames: 1 + a multiple of 4 (V1: of 8). 0: the release's default.",
                    ),
                    lambda release: release.num_frames,
                ),
                "fps": of_release(
                    decimal(0.0, 0.0, 120.0, 1.0, "0: the release's default."), lambda release: release.fps
                ),
                "width": of_release(
                    integer(0, 0, 4096, "Pixels. 0: from shape.", step=16), lambda release: release.size[0]
                ),
                "height": of_release(
                    integer(0, 0, 4096, "Pixels. 0: from shape.", step=16), lambda release: release.size[1]
                ),
            },
            "optional": {
                "keyframes": socket(KEYFRAMES, "From AniSora Keyframe."),
                "timeline_json": text("", f"Keyframes as text: {_EXAMPLE}", releases=WIDGET_RELEASES),
                "shape": choice(
                    ["release", "first keyframe", *SIZES],
                    "release",
                    "Size of the clip when width and height are 0. release: the default size. first keyframe: the "
                    "aspect ratio of the first drawing, at as many pixels. Or one of the sizes the releases were "
                    "trained for.",
                ),
                "fit": advanced(
                    choice(
                        FITS,
                        "crop",
                        "For drawings whose aspect ratio is not the clip's. crop: cut to it. stretch: distorted to it. compat: "
                        "as the release's own program does, bit by bit: V1 crops, the others stretch.",
                    )
                ),
                "paper": advanced(
                    text(
                        "white",
                        "Colour of the paper that shows where drawings are transparent: white, black, grey, or #rrggbb.",
                    )
                ),
            },
        }

    def build(
        self,
        release: Release,
        length: int,
        fps: float,
        width: int,
        height: int,
        keyframes: tuple[Keyframe, ...] = (),
        timeline_json: str = "",
        shape: str = "release",
        fit: Fit = "crop",
        paper: str = "white",
    ) -> tuple[PlacedTimeline, int, float, str]:
        rows, segments = parse_timeline_json(timeline_json)
        colour = read_colour(paper)
        all_keyframes = (
            *(on_paper(key, colour) for key in keyframes),
            *(read_row(row, colour) for row in rows),
        )
        num_frames, fps = length or release.num_frames, fps or release.fps
        size = release.size[::-1]
        if shape in SIZES:
            size = SIZES[shape]
        elif shape == "first keyframe" and all_keyframes:
            first = min(all_keyframes, key=lambda key: parse_position(key.position, num_frames, fps))
            size = release.grid.fit_area(size[0] * size[1], *first.image_HWC.shape[:2])
        timeline = Timeline(
            num_frames=num_frames,
            fps=fps,
            height=height or size[0],
            width=width or size[1],
            keyframes=all_keyframes,
            fit=fit,
        )
        release.grid.latent_shape(timeline.num_frames, timeline.height, timeline.width)
        placed = place(timeline, release.key_multiple, release.program_fit)
        check_segments(segments, timeline.num_frames)
        placed = replace(placed, segments=tuple(segments))
        return placed, placed.num_frames, placed.fps, compose_segments(segments, timeline.fps)

    @classmethod
    def IS_CHANGED(cls, timeline_json: str = "", **_: Any) -> str:
        """The images that the text names may change while the text stays the same."""
        try:
            rows = parse_timeline_json(timeline_json)[0]
            return fingerprint([host.input_file(row.image) for row in rows])
        except ValueError as error:
            return str(error)  # `build` raises it


class KeyframeRow(NamedTuple):
    """A keyframe as the timeline's text has it; `image` is a name in the host's input folder."""

    image: str
    position: str
    strength: float


def parse_timeline_json(text: str) -> tuple[list[KeyframeRow], list[Segment]]:
    """The keyframes and prompts of the timeline's text, "" being none. ValueError says what is off and the fix."""
    if not text.strip():
        return [], []
    try:
        value = parse_json(text, only_finite=False)  # each number is checked, and named
        if not isinstance(value, dict) or "keyframes" not in value:
            raise TypeError("it has no keyframes")
        if value.get("version", 1) != 1:
            raise TypeError(f"version {value['version']!r} is newer than this pack: update ComfyUI-AniSora")
        rows = [keyframe_row(n, row) for n, row in enumerate(rows_of(value, "keyframes"), start=1)]
        return rows, [prompt_row(n, row) for n, row in enumerate(rows_of(value, "prompts"), start=1)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"timeline_json cannot be read: {error}; write it like {_EXAMPLE}") from None


def rows_of(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = value.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError(f"{name} is not a list of objects")
    return rows


def keyframe_row(number: int, row: dict[str, Any]) -> KeyframeRow:
    image, position, strength = row.get("image"), row.get("position"), row.get("strength", 1.0)
    if not isinstance(image, str) or not image.strip():
        raise TypeError(f"keyframe {number}: image {image!r} is not the name of a picture")
    if isinstance(position, bool) or not isinstance(position, str | int):
        raise TypeError(f"keyframe {number}: position {position!r} is not text such as 12, 0.5s, 50%, first")
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0.0 < strength <= 1.0:
        raise TypeError(f"keyframe {number}: strength {strength!r} is not a number above 0 and at most 1")
    return KeyframeRow(image, str(position), float(strength))


def prompt_row(number: int, row: dict[str, Any]) -> Segment:
    start, end, text = row.get("start"), row.get("end"), row.get("text")
    if not isinstance(text, str):
        raise TypeError(f"prompt {number}: text {text!r} is not text")
    if type(start) is not int or type(end) is not int or not 0 <= start < end:
        raise TypeError(
            f"prompt {number}: start {start!r} and end {end!r} are not frames with 0 <= start < end"
        )
    return Segment(start, end, text)


def check_segments(segments: list[Segment], num_frames: int) -> None:
    for number, one in enumerate(segments, start=1):
        if one.end > num_frames:
            raise ValueError(
                f"timeline_json: prompt {number} ends at frame {one.end}, outside the clip of {num_frames} frames; "
                f"end it at {num_frames} at most"
            )


def read_row(row: KeyframeRow, paper: tuple[int, int, int] = WHITE) -> Keyframe:
    """Transparent parts of its drawing show `paper`. ValueError where there is no such drawing."""
    try:
        image = read_image(host.input_file(row.image), paper)
    except ValueError as error:
        raise ValueError(f"timeline_json: {error}") from None
    return Keyframe(image, row.position, row.strength)
