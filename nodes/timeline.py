"""Drawings pinned to moments of a clip, and the clip they are on."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from ..anisora_core.conditioning.timeline import place_keyframes
from ..anisora_core.domain.conditions import FITS, Fit, Keyframe, Timeline
from ..anisora_core.releases import RELEASES, Release
from . import host
from .types import KEYFRAMES, RELEASE, TIMELINE

#: `WIDTHxHEIGHT` -> (height, width), of all releases.
SIZES = {
    f"{width}x{height}": (height, width) for release in RELEASES.values() for width, height in release.sizes
}


class AniSoraKeyframe:
    CATEGORY = "AniSora"
    DESCRIPTION = "Pin a drawing to a moment of the clip. Chain several."
    RETURN_TYPES = (KEYFRAMES,)
    RETURN_NAMES = ("keyframes",)
    FUNCTION = "add"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE", {"tooltip": "One drawing."}),
                "position": (
                    "STRING",
                    {
                        "default": "first",
                        "tooltip": "A frame (12), seconds (0.5s), per cent (50%), first or last.",
                    },
                ),
                "strength": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.05,
                        "max": 1.0,
                        "step": 0.05,
                        "tooltip": "1 keeps the drawing; less suggests it.",
                    },
                ),
            },
            "optional": {"keyframes": (KEYFRAMES, {"tooltip": "Keyframes before this one."})},
        }

    def add(
        self, image: Tensor, position: str, strength: float, keyframes: tuple[Keyframe, ...] = ()
    ) -> tuple[tuple[Keyframe, ...]]:
        if image.shape[0] != 1:
            raise ValueError(
                f"image: {image.shape[0]} pictures came in; a keyframe takes one, pick it with ImageFromBatch"
            )
        return ((*keyframes, Keyframe(image[0].float().cpu(), position, strength)),)


class AniSoraTimeline:
    CATEGORY = "AniSora"
    DESCRIPTION = "The clip to be made: length, speed, size, and the keyframes on it."
    RETURN_TYPES = (TIMELINE, "INT", "FLOAT")
    RETURN_NAMES = ("timeline", "length", "fps")
    FUNCTION = "build"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "release": (RELEASE, {"tooltip": "From the loader."}),
                "length": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 4097,
                        "tooltip": "Frames, 1 + a multiple of 4; 0: the release's.",
                    },
                ),
                "fps": (
                    "FLOAT",
                    {"default": 0.0, "min": 0.0, "max": 120.0, "step": 1.0, "tooltip": "0: the release's."},
                ),
                "width": (
                    "INT",
                    {"default": 0, "min": 0, "max": 4096, "step": 16, "tooltip": "Pixels; 0: the release's."},
                ),
                "height": (
                    "INT",
                    {"default": 0, "min": 0, "max": 4096, "step": 16, "tooltip": "Pixels; 0: the release's."},
                ),
            },
            "optional": {
                "keyframes": (KEYFRAMES, {"tooltip": "From AniSora Keyframe."}),
                "timeline_json": (
                    "STRING",
                    {
                        "default": "",
                        "tooltip": 'Keyframes as text: {"keyframes": [{"image": "a.png", "position": "first", "strength": 1.0}]}',
                    },
                ),
                "shape": (
                    ["release", "first keyframe", *SIZES],
                    {
                        "default": "release",
                        "tooltip": "Where a width and height of 0 come from: the release's default size, as many pixels in the "
                        "first drawing's shape, or a size the releases were made for.",
                    },
                ),
                "fit": (
                    list(FITS),
                    {
                        "default": "crop",
                        "tooltip": "Drawings of another shape than the clip: crop, or stretch as AniSora's own programs do.",
                    },
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
    ) -> tuple[Timeline, int, float]:
        all_keyframes = (*keyframes, *read_timeline_json(timeline_json))
        size = release.size[::-1]
        if shape in SIZES:
            size = SIZES[shape]
        elif shape == "first keyframe" and all_keyframes:
            size = release.grid.fit_area(size[0] * size[1], *all_keyframes[0].image_HWC.shape[:2])
        timeline = Timeline(
            num_frames=length or release.num_frames,
            fps=fps or release.fps,
            height=height or size[0],
            width=width or size[1],
            keyframes=all_keyframes,
            fit=fit,
        )
        release.grid.latent_shape(timeline.num_frames, timeline.height, timeline.width)
        place_keyframes(
            timeline, release.key_multiple
        )  # positions that cannot be met are an error here already
        return timeline, timeline.num_frames, timeline.fps

    @classmethod
    def IS_CHANGED(cls, timeline_json: str = "", **_: Any) -> str:
        """The images that the text names may change while the text stays the same."""
        try:
            return host.fingerprint(
                [host.input_file(name) for name, _, _ in parse_timeline_json(timeline_json)]
            )
        except ValueError as error:
            return str(error)  # `build` raises it


def parse_timeline_json(text: str) -> list[tuple[str, str, float]]:
    """(image, position, strength) per keyframe of the timeline's JSON. ValueError says what is off."""
    if not text.strip():
        return []
    try:
        rows = json.loads(text)["keyframes"]
        return [(str(row["image"]), str(row["position"]), float(row.get("strength", 1.0))) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"timeline_json cannot be read ({error}); write it as its tooltip shows") from None


def read_timeline_json(text: str) -> tuple[Keyframe, ...]:
    """Its keyframes; images are names in the host's input folder."""
    return tuple(
        Keyframe(host.read_image(host.input_file(name)), position, strength)
        for name, position, strength in parse_timeline_json(text)
    )
