"""The releases an artist can pick, and how each is meant to be run. Tensors tell the family; this table the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .domain.conditions import Between, MotionWay
from .domain.geometry import LatentGrid

FamilyName = Literal["wan", "cogvideox"]
MINI_NAME = "mini"

_WAN_NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，"
    "杂乱的背景，三条腿，背景人很多，倒着走"
)  # Wan2.1 shared_config.py: the sentence its models were tuned with


@dataclass(frozen=True)
class Release:
    """A row of the table.

    `key_multiple`: keyframes live on multiples of this frame (None: the first frame only). `motion_way`: what `auto`
    means. `prompt_tail`: follows the artist's text; `{motion:.1f}` takes the motion score. `motion_range`: scores seen
    in training or recommended. `size` is (width, height).
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
    size: tuple[int, int]
    key_multiple: int | None
    motion_way: MotionWay
    prompt_tail: str
    motion_score: float
    motion_range: tuple[float, float]
    negative_prompt: str
    has_clip_vision: bool = False
    truncate_timestep: bool = True
    boundary: float | None = None
    trained_strengths: bool = False
    between: Between = "grey"
    grid: LatentGrid = LatentGrid()
    published: str = "https://huggingface.co/IndexTeam/Index-anisora"


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
    size=(1280, 720),
    key_multiple=8,
    motion_way="hold",
    prompt_tail="aesthetic score: 5.5. motion score: {motion:.1f}. There is no text in the video.",
    motion_score=3.0,
    motion_range=(2.0, 4.0),
    negative_prompt=_WAN_NEGATIVE,
    has_clip_vision=True,
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
)
_MINI = Release(
    name=MINI_NAME,
    title="mini (in the box, runs on a CPU)",
    family="wan",
    steps=12,
    sampler="unipc",
    shift=2.0,
    cfg_scale=2.0,
    fps=12.0,
    num_frames=33,
    size=(128, 128),
    key_multiple=1,
    motion_way="condition",
    prompt_tail="motion score: {motion:.1f}.",
    motion_score=2.5,
    motion_range=(0.0, 6.0),
    negative_prompt="",
    truncate_timestep=False,
    trained_strengths=True,
    published="",
)

RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        _MINI,
        _V2,
        replace(_V3, name="V3", title="AniSora V3 (Wan2.1 14B, 8 steps)"),
        _V3,
        replace(
            _V3,
            name="V3.2",
            title="AniSora V3.2 (Wan2.2 A14B, two experts, 8 steps)",
            has_clip_vision=False,
            boundary=0.900,
        ),
        replace(
            _V3,
            name="anymask",
            title="AniSora anymask (Wan2.1 14B, dense masks)",
            key_multiple=1,
            motion_way="condition",
            num_frames=65,
        ),
    )
}


def find_release(name: str) -> Release:
    """Raises ValueError listing the known names."""
    if name not in RELEASES:
        raise ValueError(f"unknown release {name!r}; use one of {', '.join(RELEASES)}")
    return RELEASES[name]
