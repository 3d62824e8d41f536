"""Clips longer than a model makes at once: all windows in one node, or one more part of a clip at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..anisora_core.conditioning.prompt import compose_prompt
from ..anisora_core.conditioning.windows import (
    HandedOver,
    ShotWindow,
    area_of,
    area_of_part,
    checked_handover,
    default_way,
    encode_window,
    hand_over,
    keyframes_of,
    next_part,
    plan_windows,
    text_of,
    window_timeline,
)
from ..anisora_core.domain.conditions import HANDOVERS, Handover, MotionArea, PlacedTimeline
from ..anisora_core.domain.latents import RawLatent
from ..anisora_core.domain.release import Guidance, Release
from ..anisora_core.generation.plan import SamplingPlan
from .host import encode_video, host
from .host.protocol import Clip, ClipVision, Conditioning, HostLatent, Model, Vae
from .inputs import InputSpec, choice, decimal, integer, socket, text
from .prompt_and_guide import given_guide, vision_of
from .sampler import guidance_input, low_noise_input, plan_of, settings_inputs
from .wire_types import MOTION_AREA, RELEASE, TIMELINE

log = logging.getLogger(__name__)
MOST_SEED = 0xFFFFFFFFFFFFFFFF


def join_inputs() -> dict[str, InputSpec]:
    return {
        "join": choice(
            ["auto", *HANDOVERS],
            "auto",
            "How each part continues the one before it. auto: the release's own way. latents: its last latents are given. "
            "anchored: those, and the drawing in force. frame: its last frame. svi: for LoRAs of Stable Video Infinity 2.0 Pro.",
        ),
        "handed": integer(
            0,
            0,
            16,
            "Number of latents that a part is given of the one before it. 0: the default of the way.",
        ),
    }


def more_inputs() -> dict[str, InputSpec]:
    return {
        "motion_area": socket(
            MOTION_AREA, "From AniSora Motion Mask or Motion Painter. Not connected: everything may move."
        ),
        "clip_vision": socket(
            "CLIP_VISION",
            "For releases with an image encoder (V2, V3, anymask): it encodes the first drawing.",
        ),
        "low_noise_model": low_noise_input(),
        "guidance": guidance_input(),
    }


@dataclass(frozen=True)
class PartSampler:
    """What is the same for all parts of a clip. Latents are raw, as on wires."""

    model: Model
    low_noise_model: Model | None
    vae: Vae
    clip_vision: ClipVision | None
    release: Release
    plan: SamplingPlan
    way: Handover

    def sample(
        self,
        timeline: PlacedTimeline,
        words: tuple[Conditioning, Conditioning],
        handed: HandedOver[RawLatent] | None,
        anchor_HWC: Tensor,
        motion_area: MotionArea | None,
        seed: int,
    ) -> tuple[RawLatent, tuple[str, ...]]:
        """Latents of one part, those handed over in front as they were; and what is to be said of its guide."""
        blank: float | Tensor = 0.0
        if self.way == "svi":
            first = encode_video(self.vae, torch.zeros(1, 3, 1, timeline.height, timeline.width))
            blank = host.zero_latent(self.model, first)
        guide = encode_window(
            timeline,
            self.way,
            handed,
            self.release.guide_rules,
            lambda video: encode_video(self.vae, video),
            anchor_HWC=anchor_HWC,
            motion_area=motion_area,
            blank=blank,
        )
        vision = vision_of(timeline, self.clip_vision)
        if self.release.has_clip_vision and vision is None:
            raise ValueError(
                f"clip_vision: release {self.release.name} needs the first drawing encoded by CLIP; connect the loader's CLIP vision"
            )
        positive, negative, latent = given_guide(*words, guide, self.release, vision)
        samples = host.sample(self.model, self.low_noise_model, positive, negative, latent, self.plan, seed)
        return samples if handed is None else handed.put_into(samples), guide.report

    def windows(
        self,
        timeline: PlacedTimeline,
        windows: Sequence[ShotWindow],
        words: Callable[[ShotWindow], tuple[Conditioning, Conditioning]],
        motion_area: MotionArea | None,
        seed: int,
    ) -> tuple[RawLatent, list[str]]:
        """Latents of the whole clip, and what is to be said. Each window has the seed after the one before it."""
        latents: list[RawLatent] = []
        report = list(timeline.report)
        previous: RawLatent | None = None
        frames = torch.empty(0)
        first = torch.full((timeline.height, timeline.width, 3), 0.5)
        for index, (one, keyframes) in enumerate(zip(windows, keyframes_of(timeline, windows), strict=True)):
            own = window_timeline(timeline, one, keyframes)
            made, said = self.sample(
                own,
                words(one),
                None if previous is None else hand_over(previous, frames, one),
                first if own.before is None else own.before.image_HWC,
                area_of(motion_area, one, timeline.num_frames),
                (seed + index) % (MOST_SEED + 1),
            )
            report += [sentence for sentence in said if sentence not in report]
            latents.append(RawLatent(made[:, :, one.first_new_latent :]))
            previous = made
            if index + 1 < len(windows):
                frames = self.decoded(made)
                first = first if index else frames[0]
        return RawLatent(torch.cat(list(latents), dim=2)), report

    def decoded(self, latent: RawLatent) -> Tensor:
        """frames_FHWC 0..1 on the CPU."""
        return torch.cat([run.float().cpu() for run in host.decode(self.vae, latent, 4)])


class AniSoraLongShot:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Sample a clip of any length: in windows of the release's length, each continuing the one before it. Keyframes, texts "
        "and motion area of the timeline go to the windows that they belong to."
    )
    SEARCH_ALIASES = (
        "long video",
        "extend",
        "continue",
        "autoregressive",
        "长镜头",
        "长视频",
        "長いカット",
        "長尺",
    )
    RETURN_TYPES = ("LATENT", "STRING")
    RETURN_NAMES = ("latent", "report")
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": socket("MODEL", "From AniSora Model Loader, or another loader that loads a model of this release."),
                "clip": socket("CLIP", "The release's text encoder."),
                "vae": socket("VAE", "The release's VAE."),
                "timeline": socket(TIMELINE, "From AniSora Timeline; its length is that of the whole clip."),
                "release": socket(RELEASE, "From the loader."),
                "text": text(
                    "", "What happens in all of the clip; texts on the timeline are added where they are.", multiline=True
                ),
                "motion_score": decimal(
                    -1.0, -1.0, 10.0, 0.1,
                    "How much motion the clip has. -1: the score in the text, else the release's default.",
                ),
                "seed": integer(
                    0, 0, MOST_SEED, "The same seed gives the same clip. Each window has the seed after the one before it.",
                    control_after_generate=True,
                ),
                **join_inputs(),
                "window": integer(
                    0, 0, 4097, "Frames of each window: 1 + a multiple of 4 (V1: of 8). 0: the release's default length."
                ),
                **settings_inputs(),
            },
            "optional": more_inputs(),
        }  # fmt: skip

    def sample(
        self,
        model: Model,
        clip: Clip,
        vae: Vae,
        timeline: PlacedTimeline,
        release: Release,
        text: str,
        motion_score: float,
        seed: int,
        join: Handover | Literal["auto"],
        handed: int,
        window: int,
        steps: int,
        cfg: float,
        shift: float,
        sampler: str,
        motion_area: MotionArea | None = None,
        clip_vision: ClipVision | None = None,
        low_noise_model: Model | None = None,
        guidance: Guidance | Literal["auto"] = "auto",
    ) -> dict[str, Any]:
        size = timeline.height, timeline.width
        plan = plan_of(release, steps, shift, sampler, cfg, guidance, size=size)
        way = default_way(release.guide_rules) if join == "auto" else join
        windows = plan_windows(
            timeline.num_frames, window or release.num_frames, release.guide_rules, way, handed or None
        )
        score = None if motion_score < 0 else motion_score
        negative = encoded(clip, release.negative_prompt)

        def words(one: ShotWindow) -> tuple[Conditioning, Conditioning]:
            said = text_of(text, timeline.segments, one, timeline.fps)
            return encoded(clip, compose_prompt(said, release, score)), negative

        parts = PartSampler(model, low_noise_model, vae, clip_vision, release, plan, way)
        return reported("Long Shot", *parts.windows(timeline, windows, words, motion_area, seed))


class AniSoraContinue:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Sample one more part of a clip and put it behind the latents so far. The timeline is that of the new part: its frame 0 is "
        "the last frame so far."
    )
    SEARCH_ALIASES = (
        "extend video",
        "continue video",
        "next clip",
        "续写",
        "延长视频",
        "続き",
        "クリップを延長",
    )
    RETURN_TYPES = ("LATENT", "STRING")
    RETURN_NAMES = ("latent", "report")
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": socket("MODEL", "From AniSora Model Loader, or another loader that loads a model of this release."),
                "positive": socket("CONDITIONING", "Encoded prompt of the new part."),
                "negative": socket("CONDITIONING", "Encoded negative prompt."),
                "vae": socket("VAE", "The release's VAE."),
                "samples": socket("LATENT", "The clip so far, from AniSora Sampler, Long Shot or Continue."),
                "timeline": socket(
                    TIMELINE,
                    "From AniSora Timeline: the new part. A keyframe on its frame 0 is the drawing that the part is held to.",
                ),
                "release": socket(RELEASE, "From the loader."),
                "seed": integer(
                    0, 0, MOST_SEED, "The same seed gives the same part. Use another one than for the part before it.",
                    control_after_generate=True,
                ),
                **join_inputs(),
                **settings_inputs(),
            },
            "optional": more_inputs(),
        }  # fmt: skip

    def sample(
        self,
        model: Model,
        positive: Conditioning,
        negative: Conditioning,
        vae: Vae,
        samples: HostLatent,
        timeline: PlacedTimeline,
        release: Release,
        seed: int,
        join: Handover | Literal["auto"],
        handed: int,
        steps: int,
        cfg: float,
        shift: float,
        sampler: str,
        motion_area: MotionArea | None = None,
        clip_vision: ClipVision | None = None,
        low_noise_model: Model | None = None,
        guidance: Guidance | Literal["auto"] = "auto",
    ) -> dict[str, Any]:
        size = timeline.height, timeline.width
        rules, before = release.guide_rules, samples["samples"]
        plan = plan_of(release, steps, shift, sampler, cfg, guidance, size=size)
        way = default_way(rules) if join == "auto" else join
        own, window = next_part(timeline, checked_handover(rules, way, handed or None), rules, before)
        parts = PartSampler(model, low_noise_model, vae, clip_vision, release, plan, way)
        frames = parts.decoded(before)
        made, report = parts.sample(
            own,
            (positive, negative),
            hand_over(before, frames, window),
            frames[0] if own.before is None else own.before.image_HWC,
            area_of_part(motion_area, window),
            seed,
        )
        new = made[:, :, window.first_new_latent :].to(before)
        return reported("Continue", RawLatent(torch.cat([before, new], dim=2)), [*timeline.report, *report])


def encoded(clip: Clip, words: str) -> Conditioning:
    return clip.encode_from_tokens_scheduled(clip.tokenize(words))


def reported(node: str, latent: RawLatent, sentences: list[str]) -> dict[str, Any]:
    for sentence in sentences:
        log.warning("AniSora %s: %s", node, sentence)
    report = "\n".join(sentences)
    samples: HostLatent = {"samples": latent}
    return {"ui": {"text": [report]}, "result": (samples, report)}
