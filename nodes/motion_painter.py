"""Painting what may move, in the browser or as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..anisora_core.conditioning.areas import PaintedArea, fit_mask, motion_over_time
from ..anisora_core.conditioning.masks import fit_area
from ..anisora_core.conditioning.timeline import flatten_alpha
from ..anisora_core.domain.conditions import MotionArea, MotionMethod, PlacedTimeline
from ..anisora_core.domain.json_text import parse_json
from ..anisora_core.media.images import read_mask
from ..anisora_core.media.tensors import to_bytes
from ..anisora_core.media.thumbnails import jpeg_url
from .host import fingerprint, host
from .inputs import socket, switch, text
from .keyframe_timeline import WIDGET_RELEASES
from .prompt_and_guide import AniSoraMotionMask
from .wire_types import MOTION_AREA, TIMELINE

EXAMPLE = '{"version": 1, "areas": [{"name": "hair", "keys": [{"frame": 0, "mask": "hair.png [input]"}]}]}'

#: Pixels of the longer side of pictures sent to the widget.
SCENE_SIDE = 512


@dataclass(frozen=True)
class NamedArea:
    """An area of the painting's text: its name, and the mask file of each of its frames."""

    name: str
    keys: tuple[tuple[int, str], ...]
    still: bool


class AniSoraMotionPainter:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Paint what may move on the keyframes: in one or more areas, each of which can change over time."
    )
    SEARCH_ALIASES = (
        "motion brush",
        "paint mask",
        "mask paint",
        "mask painter",
        "cinemagraph",
        "运动笔刷",
        "涂抹",
        "モーションブラシ",
        "マスクを塗る",
    )
    RETURN_TYPES = (MOTION_AREA, "MASK")
    RETURN_NAMES = ("motion_area", "mask")
    FUNCTION = "build"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        of_mask = AniSoraMotionMask.INPUT_TYPES()["required"]
        return {
            "required": {
                "timeline": socket(TIMELINE, "From AniSora Timeline: the keyframes to paint on."),
                "painting": text("", f"The painted areas, as text: {EXAMPLE}", releases=WIDGET_RELEASES),
                "way": of_mask["way"],
                "feather": of_mask["feather"],
                "invert": of_mask["invert"],
            },
            "optional": {
                "subject": socket(
                    "MASK",
                    "A mask to start from, for example of a character. One mask, or one per frame of the clip.",
                ),
                "use_subject": switch(
                    True,
                    "Start from the subject mask: painted areas are added to it, and areas that stay still are cut "
                    "out of it.",
                ),
            },
        }

    def build(
        self,
        timeline: PlacedTimeline,
        painting: str,
        way: MotionMethod,
        feather: float,
        invert: bool,
        subject: Tensor | None = None,
        use_subject: bool = True,
    ) -> dict[str, Any]:
        size = (timeline.num_frames, timeline.height, timeline.width)
        areas = [read_area(area, timeline) for area in parse_painting(painting)]
        start = fit_subject(subject, timeline) if subject is not None and use_subject else None
        area = motion_over_time(areas, *size, start)
        motion_area = MotionArea(1.0 - area if invert else area, way, feather)
        outputs = (motion_area, fit_area(motion_area, *size))
        return {"ui": {"anisora_scene": [scene_of(timeline, start)]}, "result": outputs}

    @classmethod
    def IS_CHANGED(cls, painting: str = "", **_: Any) -> str:
        """The masks that the text names may change while the text stays the same."""
        try:
            files = [name for area in parse_painting(painting) for _, name in area.keys]
            return fingerprint([host.input_file(name) for name in files])
        except ValueError as error:
            return str(error)  # `build` raises it


def parse_painting(text: str) -> list[NamedArea]:
    """The areas of a painting's JSON that have a shape. ValueError says what is off."""
    if not text.strip():
        return []
    try:
        areas = [
            NamedArea(
                str(area.get("name", f"area {number}")),
                tuple(sorted((int(key["frame"]), str(key["mask"])) for key in area["keys"])),
                bool(area.get("still", False)),
            )
            for number, area in enumerate(parse_json(text)["areas"], start=1)
        ]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(
            f"painting cannot be read ({error}); clear it and paint again, or write it as {EXAMPLE}"
        ) from None
    return [area for area in areas if area.keys]


def read_area(area: NamedArea, timeline: PlacedTimeline) -> PaintedArea:
    frames = [frame for frame, _ in area.keys]
    for frame in frames:
        if not 0 <= frame < timeline.num_frames:
            raise ValueError(
                f"painting: area {area.name!r} has a shape on frame {frame}, outside the clip of {timeline.num_frames} "
                f"frames; delete that shape, or move it to 0 to {timeline.num_frames - 1}"
            )
    if len(set(frames)) < len(frames):
        raise ValueError(f"painting: area {area.name!r} has two shapes on one frame; delete one")
    keys = tuple((frame, mask_of(name, timeline)) for frame, name in area.keys)
    return PaintedArea(keys, area.still)


def mask_of(name: str, timeline: PlacedTimeline) -> Tensor:
    try:
        mask = read_mask(host.input_file(name))
    except ValueError as error:
        raise ValueError(f"painting: {error}; or clear the painting and paint that area again") from None
    return fit_mask(mask, timeline.height, timeline.width, timeline.fit)


def fit_subject(mask: Tensor, timeline: PlacedTimeline) -> Tensor:
    """subject_FHW of the clip's size, one frame or all of them; it follows the drawing it was made from."""
    if mask.ndim == 2:
        mask = mask[None]
    if mask.shape[0] not in (1, timeline.num_frames):
        raise ValueError(
            f"subject: {mask.shape[0]} masks came in; connect one mask, or {timeline.num_frames}, one per frame of the clip"
        )
    rows = [fit_mask(one, timeline.height, timeline.width, timeline.fit) for one in mask.float().cpu()]
    return torch.stack(rows)


def scene_of(timeline: PlacedTimeline, subject_FHW: Tensor | None) -> dict[str, Any]:
    """What the widget cannot know before a run: the clip, pictures that other nodes made, and the subject."""
    return {
        "frames": timeline.num_frames,
        "fps": timeline.fps,
        "keyframes": [
            {
                "frame": key.frame,
                "url": data_url(key.image_HWC if key.drawing_HWC is None else key.drawing_HWC),
            }
            for key in timeline.keyframes
            if not key.continues  # of a run, its first frame
        ],
        "subject": None if subject_FHW is None else data_url(subject_FHW[0, ..., None].expand(-1, -1, 3)),
    }


def data_url(image_HWC: Tensor) -> str:
    """A small JPEG as an address, which the host's content policy lets pages show."""
    return jpeg_url(to_bytes(flatten_alpha(image_HWC)), SCENE_SIDE)
