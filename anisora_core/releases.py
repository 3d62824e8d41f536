"""The releases an artist can pick, and how each is meant to be run. Tensors tell the family; this table the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from .domain.conditions import Between, GuideRules, GuideWay, MotionWay
from .domain.grid import LatentGrid

FamilyName = Literal["wan", "cogvideox"]
Part = Literal["transformer", "high_noise", "low_noise", "vae", "text_encoder", "image_encoder"]
Guidance = Literal["constant", "rising", "early", "authors", "open"]
GUIDANCE: tuple[Guidance, ...] = ("constant", "rising", "early", "authors", "open")
MINI_NAME = "mini"

_WAN_NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，"
    "杂乱的背景，三条腿，背景人很多，倒着走"
)  # Wan2.1 shared_config.py: the sentence its models were tuned with


APACHE = "Apache-2.0"
ANISORA_LICENCE = (
    "Apache-2.0 followed by a six-clause Model License Agreement (use, output, derivatives, attribution)"
)
_INDEX = "https://huggingface.co/IndexTeam/Index-anisora/tree/main"
_REPACKAGED = "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files"


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


_WAN_VAE = WeightFile("vae", "vae", f"{_REPACKAGED}/vae/wan_2.1_vae.safetensors", 0.25)
_UMT5 = WeightFile(
    "text_encoder",
    "text_encoders",
    f"{_REPACKAGED}/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors",
    6.7,
)
_CLIP = WeightFile(
    "image_encoder", "clip_vision", f"{_REPACKAGED}/clip_vision/clip_vision_h.safetensors", 1.26
)


def _published(part: Part, where: str, size: float) -> WeightFile:
    return WeightFile(part, "diffusion_models", f"{_INDEX}/{where}", size, ANISORA_LICENCE)


@dataclass(frozen=True)
class Release:
    """A row of the table.

    `key_multiple`: keyframes live on multiples of this frame (None: the first frame only). `guide_way`: how keyframes
    become latents. `motion_way`: what `auto` means. `between`: what its canvas shows on frames without a keyframe.
    `prompt_tail`: follows the artist's text; `{motion:.1f}` takes the motion score. `motion_range`: scores seen in
    training or recommended. `sizes` are (width, height), the first is the default. `cfg_scale`
    is the highest scale of a changing `guidance`. `zero_negative`: the pass without text sees zeros, not a negative
    prompt. `step_lists`: steps of the sampler `optimal` -> places on its grid. `boundary`: where two experts change.
    `decodes_whole`: all latents at once, where CogVideoX's VAE takes two at a time. `lora_learning_rate`: a LoRA's, unless
    another is asked for; a small model needs and bears far larger steps.
    """

    name: str
    title: str
    family: FamilyName
    steps: int
    sampler: str
    shift: float
    cfg_scale: float
    fps: float
    num_frames: int
    sizes: tuple[tuple[int, int], ...]
    key_multiple: int | None
    motion_way: MotionWay
    prompt_tail: str
    motion_score: float
    motion_range: tuple[float, float]
    negative_prompt: str
    files: tuple[WeightFile, ...] = ()
    guide_way: GuideWay = "canvas"
    guidance: Guidance = "constant"
    zero_negative: bool = False
    has_clip_vision: bool = False
    truncate_timestep: bool = True
    boundary: float | None = None
    decodes_whole: bool = False
    step_lists: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    trained_strengths: bool = False
    between: Between = "grey"
    lora_learning_rate: float = 1e-4
    grid: LatentGrid = LatentGrid()

    @property
    def size(self) -> tuple[int, int]:
        return self.sizes[0]

    @property
    def guide_rules(self) -> GuideRules:
        return GuideRules(self.grid, self.guide_way, self.motion_way, self.key_multiple, self.between)


_V3 = Release(
    name="V3.1",
    title="AniSora V3.1 (Wan2.1 14B, 8 steps)",
    family="wan",
    steps=8,
    sampler="unipc",
    shift=5.0,
    cfg_scale=1.0,
    fps=16.0,
    num_frames=81,
    sizes=((1280, 720), (720, 1280), (832, 480), (480, 832), (960, 528), (528, 960)),
    key_multiple=8,
    motion_way="hold",
    prompt_tail="aesthetic score: 5.5. motion score: {motion:.1f}. There is no text in the video.",
    motion_score=3.0,
    motion_range=(2.0, 4.0),
    negative_prompt=_WAN_NEGATIVE,
    has_clip_vision=True,
    files=(_published("transformer", "V3.1", 65.6), _WAN_VAE, _UMT5, _CLIP),
)
_V2 = replace(
    _V3,
    name="V2",
    title="AniSora V2 (Wan2.1 14B, 40 steps)",
    steps=40,
    cfg_scale=5.0,
    key_multiple=None,
    motion_score=1.3,
    motion_range=(1.0, 2.0),
    step_lists={
        16: (2, 5, 11, 21, 36, 49, 63, 71, 80, 84, 87, 89, 92, 94, 95, 96),
        12: (5, 20, 54, 63, 71, 79, 82, 87, 91, 94, 95, 96),
    },
    files=(
        WeightFile(
            "transformer",
            "diffusion_models",
            "https://huggingface.co/Kijai/WanVideo_comfy/resolve/main/Wan2_1-Anisora-I2V-480P-14B_fp8_e4m3fn.safetensors",
            16.6,
            ANISORA_LICENCE,
        ),
        _WAN_VAE,
        _UMT5,
        _CLIP,
    ),
)
_V1 = Release(
    name="V1",
    title="AniSora V1 (CogVideoX 5B, 50 steps)",
    family="cogvideox",
    steps=50,
    sampler="sde_dpmpp_2m",
    shift=1.0,
    cfg_scale=7.0,
    guidance="rising",
    fps=16.0,
    num_frames=49,
    sizes=((1280, 720), (1088, 640)),
    key_multiple=1,
    guide_way="slots",
    motion_way="hold",
    prompt_tail="aesthetic score: 5.5. motion score: {motion:.1f}.",
    motion_score=0.7,
    motion_range=(0.5, 1.5),
    negative_prompt="",
    zero_negative=True,
    truncate_timestep=False,
    grid=LatentGrid(latents_per_run=2),
    files=(
        _published("transformer", "5B", 11.1),
        WeightFile("vae", "vae", f"{_INDEX}/CogVideoX_VAE_T5", 0.86),
        WeightFile(
            "text_encoder",
            "text_encoders",
            "https://huggingface.co/comfyanonymous/flux_text_encoders/resolve/main/t5xxl_fp16.safetensors",
            9.79,
        ),
    ),
)
_MINI = Release(
    name=MINI_NAME,
    title="mini (in the box, runs on a CPU)",
    family="wan",
    steps=4,
    sampler="euler",
    shift=2.0,
    cfg_scale=5.0,
    guidance="open",
    fps=12.0,
    num_frames=33,
    sizes=((128, 128), (160, 128), (128, 160)),
    key_multiple=1,
    motion_way="condition",
    prompt_tail="motion score: {motion:.1f}.",
    motion_score=2.5,
    motion_range=(0.0, 6.0),
    negative_prompt="",
    truncate_timestep=False,
    trained_strengths=True,
    between="flow",
    lora_learning_rate=5e-3,
)

RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        _MINI,
        _V2,
        replace(
            _V3,
            name="V3",
            title="AniSora V3 (Wan2.1 14B, 8 steps)",
            files=(_published("transformer", "V3", 65.6), *_V3.files[1:]),
        ),
        _V3,
        replace(
            _V3,
            name="V3.2",
            title="AniSora V3.2 (Wan2.2 A14B, two experts, 8 steps)",
            has_clip_vision=False,
            boundary=0.900,
            files=(
                _published("high_noise", "V3.2/high_noise_model", 57.2),
                _published("low_noise", "V3.2/low_noise_model", 57.2),
                _WAN_VAE,
                _UMT5,
            ),
        ),
        replace(
            _V3,
            name="anymask",
            title="AniSora anymask (Wan2.1 14B, dense masks)",
            key_multiple=1,
            motion_way="condition",
            num_frames=65,
            sizes=(*_V3.sizes, (640, 352), (352, 640)),
            files=(_published("transformer", "anymask", 65.6), *_V3.files[1:]),
        ),
        _V1,
        replace(
            _V1,
            name="V1-RL",
            title="AniSora V1-RL (CogVideoX 5B, 50 steps)",
            sizes=((720, 480),),
            key_multiple=None,
            decodes_whole=True,
            files=(_published("transformer", "5B_RL", 11.1), *_V1.files[1:]),
        ),
    )
}


def find_release(name: str) -> Release:
    """Raises ValueError listing the known names."""
    if name not in RELEASES:
        raise ValueError(f"unknown release {name!r}; use one of {', '.join(RELEASES)}")
    return RELEASES[name]
