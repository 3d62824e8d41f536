"""What else the artist says: motion area and words; and the guide made of all of it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from ..anisora_core.conditioning.guide import encode_guide
from ..anisora_core.conditioning.prompt import compose_prompt
from ..anisora_core.conditioning.timeline import flatten_alpha
from ..anisora_core.domain.conditions import (
    MASK_RESIZES,
    MOTION_METHODS,
    Guide,
    MaskResize,
    MotionArea,
    MotionMethod,
    PlacedTimeline,
)
from ..anisora_core.domain.latents import RawLatent
from ..anisora_core.domain.release import Release
from .host import encode_image, encode_video, to_concat_mask, to_noise_mask
from .host.protocol import (
    ClipVision,
    ClipVisionOutput,
    Conditioning,
    ConditioningValues,
    HostLatent,
    Vae,
    conditioning_entry,
)
from .inputs import advanced, choice, decimal, of_release, socket, switch, text
from .wire_types import MOTION_AREA, RELEASE, TIMELINE

log = logging.getLogger(__name__)


class AniSoraMotionMask:
    CATEGORY = "AniSora"
    DESCRIPTION = "The area that may move: white may move, black stays still."
    SEARCH_ALIASES = (
        "motion area",
        "mask",
        "cinemagraph",
        "运动遮罩",
        "运动区域",
        "動く範囲",
        "モーションマスク",
    )
    RETURN_TYPES = (MOTION_AREA,)
    RETURN_NAMES = ("motion_area",)
    FUNCTION = "build"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "mask": socket("MASK", "White may move. One mask, or one per frame of the clip."),
                "way": choice(
                    MOTION_METHODS,
                    "auto",
                    "How the rest is kept still. auto: the release's own method. condition: mask conditioning, the "
                    "mask is an input of the model. hold: latent lock, latents outside the mask are put back at "
                    "every step; works with every model. paper: keyframe mask, as in the AniSora paper; for models "
                    "trained with it.",
                ),
                "feather": decimal(2.0, 0.0, 64.0, 0.5, "Width of the soft edge in pixels."),
                "invert": switch(False, "Invert the mask: black may move, white stays still."),
            }
        }

    def build(self, mask: Tensor, way: MotionMethod, feather: float, invert: bool) -> tuple[MotionArea]:
        area = mask.float().cpu()
        return (MotionArea(1.0 - area if invert else area, way, feather),)


class AniSoraPrompt:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "The prompt in the form the release was trained on: with its closing sentences and motion score. "
        "Connect it to CLIP Text Encode."
    )
    SEARCH_ALIASES = (
        "negative prompt",
        "motion score",
        "提示词",
        "运动分数",
        "プロンプト",
        "モーションスコア",
    )
    RETURN_TYPES = ("STRING", "STRING")
    RETURN_NAMES = ("prompt", "negative")
    FUNCTION = "compose"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "release": socket(RELEASE, "From the loader."),
                "text": text("", "What happens in the clip, in plain words.", multiline=True),
                "motion_score": of_release(
                    decimal(
                        -1.0,
                        -1.0,
                        10.0,
                        0.1,
                        "How much motion the clip has. -1: the score in the text, else the release's default.",
                    ),
                    lambda release: release.motion_score,
                ),
            }
        }

    def compose(self, release: Release, text: str, motion_score: float) -> tuple[str, str]:
        score = None if motion_score < 0 else motion_score
        return compose_prompt(text, release, score), release.negative_prompt


class AniSoraGuide:
    CATEGORY = "AniSora"
    DESCRIPTION = "Encode the keyframes and the motion area with the VAE and add them to the conditioning."
    SEARCH_ALIASES = (
        "image to video",
        "i2v",
        "first frame",
        "last frame",
        "first last frame",
        "图生视频",
        "首尾帧",
        "画像から動画",
    )
    RETURN_TYPES = ("CONDITIONING", "CONDITIONING", "LATENT", "STRING")
    RETURN_NAMES = ("positive", "negative", "latent", "report")
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "positive": socket("CONDITIONING", "Encoded prompt."),
                "negative": socket("CONDITIONING", "Encoded negative prompt."),
                "vae": socket("VAE", "The release's VAE."),
                "timeline": socket(TIMELINE, "From AniSora Timeline."),
                "release": socket(RELEASE, "From the loader."),
            },
            "optional": {
                "motion_area": socket(
                    MOTION_AREA,
                    "From AniSora Motion Mask or Motion Painter. Not connected: everything may move.",
                ),
                "clip_vision_output": socket(
                    "CLIP_VISION_OUTPUT",
                    "For releases with an image encoder (V2, V3, anymask), when clip_vision is not connected.",
                ),
                "clip_vision": socket(
                    "CLIP_VISION",
                    "For releases with an image encoder (V2, V3, anymask): it encodes the first drawing.",
                ),
                "mask_resize": advanced(
                    choice(
                        ["auto", *MASK_RESIZES],
                        "auto",
                        "How masks are resized to the latent size. auto: the release's default. average: area average. "
                        "nearest, bicubic: as AniSora anymask's own programs for masks in space and in time.",
                    )
                ),
            },
        }

    def encode(
        self,
        positive: Conditioning,
        negative: Conditioning,
        vae: Vae,
        timeline: PlacedTimeline,
        release: Release,
        motion_area: MotionArea | None = None,
        clip_vision_output: ClipVisionOutput | None = None,
        clip_vision: ClipVision | None = None,
        mask_resize: MaskResize | Literal["auto"] = "auto",
    ) -> dict[str, Any]:
        rules = release.guide_rules
        guide = encode_guide(
            timeline,
            rules if mask_resize == "auto" else replace(rules, mask_resize=mask_resize),
            lambda video: encode_video(vae, video),
            motion_area=motion_area,
        )
        for sentence in guide.report:
            log.warning("AniSora Guide: %s", sentence)
        vision = vision_of(timeline, clip_vision, clip_vision_output)
        outputs = (*given_guide(positive, negative, guide, release, vision), "\n".join(guide.report))
        return {"ui": {"text": [outputs[-1]]}, "result": outputs}


def vision_of(
    timeline: PlacedTimeline, clip_vision: ClipVision | None, otherwise: ClipVisionOutput | None = None
) -> ClipVisionOutput | None:
    """The first drawing as CLIP sees it."""
    if clip_vision is None or timeline.first_drawing_HWC is None:
        return otherwise
    return encode_image(clip_vision, flatten_alpha(timeline.first_drawing_HWC)[None])


def given_guide(
    positive: Conditioning,
    negative: Conditioning,
    guide: Guide[RawLatent],
    release: Release,
    vision: ClipVisionOutput | None,
) -> tuple[Conditioning, Conditioning, HostLatent]:
    """Positive and negative with the guide in them, and the latent to sample from."""
    values: ConditioningValues = {"concat_latent_image": guide.latent_BCTHW}
    if guide.mask_BMTHW.shape[1]:
        values["concat_mask"] = to_concat_mask(guide.mask_BMTHW)
    if vision is not None:
        values["clip_vision_output"] = vision
    latent: HostLatent = {"samples": RawLatent(guide.latent_BCTHW * 0.0)}
    if guide.lock is not None:
        latent = {
            "samples": guide.lock.latent_BCTHW,
            "noise_mask": to_noise_mask(guide.lock.keep_BCTHW),
        }
    if release.zero_negative:
        negative = [conditioning_entry(torch.zeros_like(entry[0]), entry[1]) for entry in negative]
    return with_values(positive, values), with_values(negative, values), latent


def with_values(conditioning: Conditioning, values: ConditioningValues) -> Conditioning:
    """A copy with `values` added to each entry."""
    return [conditioning_entry(entry[0], {**entry[1], **values}) for entry in conditioning]
