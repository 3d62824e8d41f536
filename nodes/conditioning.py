"""What the artist says: keyframes, timeline, motion area, words; and the guide made of them."""

from __future__ import annotations

import json
import logging
from typing import Any

from torch import Tensor

from ..anisora_core.conditioning.guide import encode_guide
from ..anisora_core.conditioning.prompt import compose_prompt
from ..anisora_core.domain.conditions import MOTION_WAYS, Keyframe, MotionArea, MotionWay, Timeline
from ..anisora_core.releases import Release
from . import host
from .types import KEYFRAMES, MOTION_AREA, RELEASE, TIMELINE

log = logging.getLogger(__name__)
Conditioning = list[list[Any]]


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
    ) -> tuple[Timeline, int, float]:
        timeline = Timeline(
            num_frames=length or release.num_frames,
            fps=fps or release.fps,
            height=height or release.size[1],
            width=width or release.size[0],
            keyframes=(*keyframes, *read_timeline_json(timeline_json)),
        )
        release.grid.latent_shape(timeline.num_frames, timeline.height, timeline.width)
        return timeline, timeline.num_frames, timeline.fps


def read_timeline_json(text: str) -> tuple[Keyframe, ...]:
    """Keyframes of the timeline's JSON; images are names in the host's input folder. ValueError says what is off."""
    if not text.strip():
        return ()
    try:
        rows = json.loads(text)["keyframes"]
        wanted = [(str(row["image"]), str(row["position"]), float(row.get("strength", 1.0))) for row in rows]
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"timeline_json cannot be read ({error}); write it as its tooltip shows") from None
    return tuple(
        Keyframe(host.read_image(host.input_file(name)), place, strength) for name, place, strength in wanted
    )


class AniSoraMotionMask:
    CATEGORY = "AniSora"
    DESCRIPTION = "The area that may move: white moves, black keeps still."
    RETURN_TYPES = (MOTION_AREA,)
    RETURN_NAMES = ("motion_area",)
    FUNCTION = "build"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "mask": ("MASK", {"tooltip": "White may move. One frame, or one per frame of the clip."}),
                "way": (
                    list(MOTION_WAYS),
                    {
                        "default": "auto",
                        "tooltip": "auto: what suits the release. condition: the model is told. hold: kept while sampling. "
                        "paper: the paper's mask, for models trained so.",
                    },
                ),
                "feather": (
                    "FLOAT",
                    {
                        "default": 2.0,
                        "min": 0.0,
                        "max": 64.0,
                        "step": 0.5,
                        "tooltip": "Softness of the edge in pixels.",
                    },
                ),
                "invert": ("BOOLEAN", {"default": False, "tooltip": "Swap what moves and what is still."}),
            }
        }

    def build(self, mask: Tensor, way: MotionWay, feather: float, invert: bool) -> tuple[MotionArea]:
        area = mask.float().cpu()
        return (MotionArea(1.0 - area if invert else area, way, feather),)


class AniSoraPrompt:
    CATEGORY = "AniSora"
    DESCRIPTION = "Text as the release was trained to read it: with its tail and motion score. Feed it to CLIP Text Encode."
    RETURN_TYPES = ("STRING", "STRING")
    RETURN_NAMES = ("prompt", "negative")
    FUNCTION = "compose"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "release": (RELEASE, {"tooltip": "From the loader."}),
                "text": (
                    "STRING",
                    {"default": "", "multiline": True, "tooltip": "What happens, in plain words."},
                ),
                "motion_score": (
                    "FLOAT",
                    {
                        "default": -1.0,
                        "min": -1.0,
                        "max": 10.0,
                        "step": 0.1,
                        "tooltip": "How much moves; -1: the release's default.",
                    },
                ),
            }
        }

    def compose(self, release: Release, text: str, motion_score: float) -> tuple[str, str]:
        score = release.motion_score if motion_score < 0 else motion_score
        return compose_prompt(text, release.prompt_tail, score), release.negative_prompt


class AniSoraGuide:
    CATEGORY = "AniSora"
    DESCRIPTION = "Encode keyframes and motion area, and put them into the conditioning the sampler reads."
    RETURN_TYPES = ("CONDITIONING", "CONDITIONING", "LATENT", "STRING")
    RETURN_NAMES = ("positive", "negative", "latent", "report")
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "positive": ("CONDITIONING", {"tooltip": "Encoded prompt."}),
                "negative": ("CONDITIONING", {"tooltip": "Encoded negative prompt."}),
                "vae": ("VAE", {"tooltip": "The release's VAE."}),
                "timeline": (TIMELINE, {"tooltip": "From AniSora Timeline."}),
                "release": (RELEASE, {"tooltip": "From the loader."}),
            },
            "optional": {
                "motion_area": (MOTION_AREA, {"tooltip": "From AniSora Motion Mask; none: all may move."}),
                "clip_vision_output": (
                    "CLIP_VISION_OUTPUT",
                    {"tooltip": "For releases with an image branch (V2, V3, anymask)."},
                ),
            },
        }

    def encode(
        self,
        positive: Conditioning,
        negative: Conditioning,
        vae: Any,
        timeline: Timeline,
        release: Release,
        motion_area: MotionArea | None = None,
        clip_vision_output: Any = None,
    ) -> dict[str, Any]:
        guide = encode_guide(
            timeline,
            release.grid,
            lambda video: host.encode_video(vae, video),
            motion_area=motion_area,
            default_way=release.motion_way,
            key_multiple=release.key_multiple,
        )
        for sentence in guide.report:
            log.warning("AniSora Guide: %s", sentence)
        values: dict[str, Any] = {
            "concat_latent_image": guide.latent_BCTHW,
            "concat_mask": host.to_concat_mask(guide.mask_BMTHW),
        }
        if clip_vision_output is not None:
            values["clip_vision_output"] = clip_vision_output
        latent: dict[str, Any] = {"samples": guide.latent_BCTHW * 0.0}
        if guide.hold is not None:
            latent = {"samples": guide.hold.latent_BCTHW, "noise_mask": 1.0 - guide.hold.keep_BCTHW[:, 0]}
        report = "\n".join(guide.report)
        outputs = (with_values(positive, values), with_values(negative, values), latent, report)
        return {"ui": {"text": [report]}, "result": outputs}


def with_values(conditioning: Conditioning, values: dict[str, Any]) -> Conditioning:
    """A copy with `values` added to each entry."""
    return [[entry[0], {**entry[1], **values}] for entry in conditioning]
