"""What a release says of itself: how it is meant to be run, and which files it is made of. Tensors tell the family; its rows the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .conditions import Between, Geometry, GuideMethod, GuideRules, MaskResize, MotionMethod
from .grid import LatentGrid

Part = Literal["transformer", "high_noise", "low_noise", "vae", "text_encoder", "image_encoder", "preview"]
Guidance = Literal["constant", "rising", "early", "authors", "open"]
GUIDANCE: tuple[Guidance, ...] = ("constant", "rising", "early", "authors", "open")
APACHE = "Apache-2.0"
ANISORA_LICENCE = (
    "Apache-2.0 followed by a six-clause Model License Agreement (use, output, derivatives, attribution)"
)
INDEX_PAGE = "https://huggingface.co/IndexTeam/Index-anisora/tree/main"


@dataclass(frozen=True)
class WeightFile:
    """A published file or folder: which part of the release, its folder among ComfyUI's models, size in 10^9 bytes.

    `url` ends in the file's name where it is one file; else it is the page of a folder of shards.
    """

    part: Part
    folder: Literal["diffusion_models", "vae", "text_encoders", "clip_vision"]
    url: str
    gigabytes: float
    licence: str = APACHE

    @property
    def file_name(self) -> str:
        """Empty for a folder of shards."""
        name = self.url.rpartition("/")[2]
        return name if "." in name and "/tree/" not in self.url else ""


@dataclass(frozen=True)
class PromptTail:
    """What a release's own program adds to a prompt, in this order; what the text has already is not added again.

    `aesthetic_score`: None adds none. `adds_motion_score`: False adds one only where it is asked for. `closing`: the last
    sentence. `repeats_closing`: it is added to a text that has it, too. `camera_motion_last`: a clause `camera motion:` of
    the text follows all of it. `ends_sentence`: the text gets a full stop first, if it ends without one.
    """

    aesthetic_score: float | None = None
    adds_motion_score: bool = True
    closing: str = ""
    repeats_closing: bool = False
    camera_motion_last: bool = False
    ends_sentence: bool = False


@dataclass(frozen=True)
class Release:
    """A row of the table. `family` is the name of a folder of `families`.

    `key_multiple`: keyframes live on multiples of this frame (None: the first frame only). `guide_method`: how keyframes
    become latents. `motion_method`: what `auto` means. `between`: what its canvas shows on frames without a keyframe.
    `motion_score`: unless the artist says another one. `motion_range`: scores seen in training or recommended. `sizes` are (width, height), the first is the default. `cfg_scale`
    is the highest scale of a changing `guidance`. `zero_negative`: the pass without text sees zeros, not a negative
    prompt. `small_shift`: (pixels of a frame, shift) for clips of up to so many pixels, but not for `step_lists`,
    whose grid has `shift`. `mask_resize`: how masks come to latent size. `program_fit`: how its own program
    brings drawings to the clip's shape, for `compat`. `step_lists`: steps of the sampler `optimal` -> places on its grid. `boundary`: where two experts change.
    `decodes_whole`: all latents at once, where CogVideoX's VAE takes two at a time. `lora_learning_rate`: a LoRA's, unless
    another is asked for; a small model needs and bears far larger steps. `folder`: all of its files lie together in this folder of
    the pack's `assets`, made by this project; or in another that is named as its transformer. `float32_parts`: loaded so whatever precision is
    asked for; a VAE as the authors run it, so that keyframes keep their colours. `has_preview_decoder`: a tiny one lies there too.
    """

    name: str
    title: str
    family: str
    steps: int
    sampler: str
    shift: float
    cfg_scale: float
    fps: float
    num_frames: int
    sizes: tuple[tuple[int, int], ...]
    key_multiple: int | None
    motion_method: MotionMethod
    prompt_tail: PromptTail
    motion_score: float
    motion_range: tuple[float, float]
    negative_prompt: str
    files: tuple[WeightFile, ...] = ()
    folder: str = ""
    float32_parts: tuple[Part, ...] = ("vae",)
    has_preview_decoder: bool = False
    guide_method: GuideMethod = "dense"
    guidance: Guidance = "constant"
    zero_negative: bool = False
    has_clip_vision: bool = False
    truncate_timestep: bool = True
    boundary: float | None = None
    decodes_whole: bool = False
    small_shift: tuple[int, float] | None = None
    mask_resize: MaskResize = "average"
    program_fit: Geometry = "stretch"
    step_lists: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    between: Between = "grey"
    lora_learning_rate: float = 1e-4
    grid: LatentGrid = LatentGrid()

    @property
    def size(self) -> tuple[int, int]:
        return self.sizes[0]

    @property
    def guide_rules(self) -> GuideRules:
        return GuideRules(
            self.grid,
            self.guide_method,
            self.motion_method,
            self.key_multiple,
            self.between,
            self.mask_resize,
        )

    def shift_for(self, size: tuple[int, int]) -> float:
        """`shift`, or that of a clip of `size` (height, width)."""
        if self.small_shift is not None and size[0] * size[1] <= self.small_shift[0]:
            return self.small_shift[1]
        return self.shift


def published(part: Part, where: str, gigabytes: float) -> WeightFile:
    """A transformer of AniSora's own page."""
    return WeightFile(part, "diffusion_models", f"{INDEX_PAGE}/{where}", gigabytes, ANISORA_LICENCE)
