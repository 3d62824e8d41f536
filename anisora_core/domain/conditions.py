"""Value types of what the artist asks for and what the model is given.

Shapes: image_HWC float 0..1 RGB; area_FHW float 0..1, 1 = may move; given_mask_FHW float 0..1, 1 = given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple

import torch
from torch import Tensor

from .grid import LatentGrid
from .latents import Latent

MotionMethod = Literal["auto", "condition", "paper", "hold"]
#: How keyframes become latents: as one clip on a canvas (Wan), or each alone in the slot of its frame (CogVideoX).
GuideMethod = Literal["dense", "per_keyframe"]
#: What of a VAE's posterior a guide is: its mode, or a sample of it, as AniSora V1's own program has it.
PosteriorUse = Literal["mode", "sample"]
POSTERIOR_USES: tuple[PosteriorUse, ...] = ("mode", "sample")
#: Drawings of another shape than the clip: cut to it, or pulled to it. `compat`: one of both as the release's own program does,
#: bit by bit.
Fit = Literal["crop", "stretch", "compat"]
FITS: tuple[Fit, ...] = ("crop", "stretch", "compat")
#: What of both it is.
Geometry = Literal["crop", "stretch"]
#: A mask's way to latent size: shares of pixels, or as AniSora's programs for space and for time have it.
MaskResize = Literal["average", "nearest", "bicubic"]
MASK_RESIZES: tuple[MaskResize, ...] = ("average", "nearest", "bicubic")
#: What the canvas shows on frames without a keyframe: grey, as Wan and AniSora; or a mix of the neighbouring keyframes.
Between = Literal["grey", "flow"]
MOTION_METHODS: tuple[MotionMethod, ...] = ("auto", "condition", "paper", "hold")
#: How a window of a long shot continues the one before it; `conditioning.windows` says what each gives the model.
Handover = Literal["latents", "anchored", "frame", "svi"]
HANDOVERS: tuple[Handover, ...] = ("latents", "anchored", "frame", "svi")


@dataclass(frozen=True)
class Keyframe:
    """A drawing pinned to a position: a frame number `12`, seconds `0.5s`, per cent `50%`, `first` or `last`.

    `strength` in (0, 1]: 1 is kept, less is a suggestion. `following_FHWC`: of a run of frames, as a clip, those after `image_HWC`; it
    begins at the position, or ends there at `last`. `given_FHW`: how much of each pixel is given, 0..1, one mask or one for each frame;
    None: all of it.
    """

    image_HWC: Tensor
    position: str = "first"
    strength: float = 1.0
    following_FHWC: Tensor | None = None
    given_FHW: Tensor | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.strength <= 1.0:
            raise ValueError(f"strength {self.strength} must be above 0 and at most 1")
        if self.given_FHW is not None:
            require_given(self.given_FHW, self.num_frames, self.image_HWC)

    @property
    def num_frames(self) -> int:
        return 1 if self.following_FHWC is None else 1 + len(self.following_FHWC)

    def frame(self, index: int) -> tuple[Tensor, Tensor | None]:
        """Picture and mask of the run's frame."""
        following = self.following_FHWC
        picture = self.image_HWC if index == 0 or following is None else following[index - 1]
        given = self.given_FHW
        return picture, None if given is None else given[min(index, len(given) - 1)]


def require_given(given_FHW: Tensor, num_frames: int, image_HWC: Tensor) -> None:
    """ValueError for a mask of a keyframe that does not go with its pictures, or is none."""
    height, width = image_HWC.shape[:2]
    if given_FHW.ndim != 3 or len(given_FHW) not in (1, num_frames) or given_FHW.shape[1:] != (height, width):
        raise ValueError(
            f"given: the mask has shape {tuple(given_FHW.shape)}; use one of {width}x{height} pixels, as the picture, or {num_frames}, "
            "one for each picture"
        )
    if not torch.isfinite(given_FHW).all() or given_FHW.min() < 0 or given_FHW.max() > 1:
        raise ValueError(
            "given: the mask has values outside 0..1; use white for what is given, black for the rest"
        )


@dataclass(frozen=True)
class Timeline:
    """A clip to be made: its length, speed, size and the drawings on it."""

    num_frames: int
    fps: float
    height: int
    width: int
    keyframes: tuple[Keyframe, ...] = ()
    fit: Fit = "crop"

    def __post_init__(self) -> None:
        if not 0.0 < self.fps < math.inf:
            raise ValueError(f"fps {self.fps} must be a number above 0")


@dataclass(frozen=True)
class GuideRules:
    """How a release takes what the artist gives. `Release` says what the fields mean."""

    grid: LatentGrid = LatentGrid()
    method: GuideMethod = "dense"
    motion_method: MotionMethod = "condition"
    key_multiple: int | None = 1
    between: Between = "grey"
    mask_resize: MaskResize = "average"


@dataclass(frozen=True)
class PlacedKeyframe:
    """A keyframe on the clip's own grid: frame index, picture of the clip's size, strength; and the drawing as it came, if known.

    `given_HW`: how much of each pixel is given, None for all. `continues`: it is a frame of a run, but not its first. `handed`: it is
    no drawing, but a frame of the window before, which is given whole; what stays still is never taken from it. `then_HWC`: where
    it is the last keyframe and a canvas shows keyframes in other frames too, those after it go over to this; None: they show the picture itself.
    """

    frame: int
    image_HWC: Tensor
    strength: float
    drawing_HWC: Tensor | None = None
    given_HW: Tensor | None = None
    continues: bool = False
    handed: bool = False
    then_HWC: Tensor | None = None


class Segment(NamedTuple):
    """Text for the frames start..end - 1 of a clip."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class PlacedTimeline:
    """A timeline on the grid of a release: positions read, snapped to its legal frames, drawings of the clip's size.

    `keyframes` are in order of frames. `first_drawing_HWC`: the first in time, as it came. `fit`: how drawings came to the clip's
    shape, and masks follow. `report`: a sentence for each that was moved or cropped. `before`: of a window of a longer shot, the last
    drawing before its new frames; it is not shown, but what stays still is taken from it. `segments`: texts for parts of it.
    """

    num_frames: int
    fps: float
    height: int
    width: int
    keyframes: tuple[PlacedKeyframe, ...] = ()
    first_drawing_HWC: Tensor | None = None
    fit: Geometry = "crop"
    report: tuple[str, ...] = ()
    before: PlacedKeyframe | None = None
    segments: tuple[Segment, ...] = ()

    @property
    def in_force(self) -> tuple[PlacedKeyframe, ...]:
        """All that `holding_keyframe` chooses from."""
        return (*(() if self.before is None else (self.before,)), *self.keyframes)


@dataclass(frozen=True)
class MotionArea:
    """Where motion may happen. One frame or one per clip frame; `feather` softens its edge by that many pixels."""

    area_FHW: Tensor
    method: MotionMethod = "auto"
    feather: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.feather < math.inf:
            raise ValueError(f"feather {self.feather} must be a number of pixels, 0 or more")


@dataclass(frozen=True)
class Canvas:
    """Pixels shown to the model (grey is 0) and how much of each the artist gave."""

    video_CFHW: Tensor
    given_mask_FHW: Tensor


@dataclass(frozen=True)
class LatentLock(Generic[Latent]):
    """Latents kept fixed while sampling: `latent_BCTHW` where `keep_BCTHW` (0..1, one channel) is 1."""

    latent_BCTHW: Latent
    keep_BCTHW: Tensor


@dataclass(frozen=True)
class Guide(Generic[Latent]):
    """What the transformer sees besides noise, and what was changed or is worth knowing, in sentences.

    `latent_BCTHW`: the encoded keyframes, normalised for networks, raw on ComfyUI's wires. `mask_BMTHW`: the packed given mask, M = frames per latent, or 0
    for a model without a mask.
    """

    latent_BCTHW: Latent
    mask_BMTHW: Tensor
    lock: LatentLock[Latent] | None = None
    report: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class TextFeatures:
    """What the transformer reads besides its guide: text_BLD with and without the prompt, and the first drawing's image tokens."""

    text_BLD: Tensor
    no_text_BLD: Tensor
    image_BLD: Tensor | None = None

    def to(self, device: torch.device) -> TextFeatures:
        image = None if self.image_BLD is None else self.image_BLD.to(device)
        return TextFeatures(self.text_BLD.to(device), self.no_text_BLD.to(device), image)
