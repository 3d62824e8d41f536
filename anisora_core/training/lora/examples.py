"""Training examples: a drawing as a still, a moving clip made from it, or a part of a true clip."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...conditioning.guide import Encoder
from ...data.motion_score import motion_score
from ...data.pseudo_clips import ENLARGED, pseudo_clip
from ...data.training_folder import Item
from ...domain.release import Release
from ...media.frames import frames_within, read_frames
from ...media.pictures import read_picture
from ...media.resize import cover_crop_pixels

#: Their places are part of every example's seed: new kinds have seeds of their own.
KINDS = ("still", "move", "clip", "area")


@dataclass(frozen=True)
class Example:
    """One use of an item: a still, or a clip of `num_frames` at `fps`, at `size` (height, width). `kind`: one of `KINDS`, or a
    strategy's own.

    `variant` counts random crops, moves and parts of one item. `cut`: share of a clip's height that is left out at the bottom, of
    its width at the sides. `self_guided`: the still is its own guide, as other trainers have it; for comparisons.
    """

    item: Item
    kind: str
    size: tuple[int, int]
    num_frames: int
    variant: int
    fps: float
    cut: float = 0.0
    self_guided: bool = False

    @property
    def shape(self) -> tuple[str, int, tuple[int, int]]:
        """Of examples that fit into one batch."""
        return self.kind, self.num_frames, self.size

    def rng(self, seed: int) -> np.random.Generator:
        content = int(self.item.content[:16], 16)
        return np.random.default_rng((seed, content, kind_seed(self.kind), *self.size, self.variant))


def kind_seed(kind: str) -> int:
    if kind in KINDS:
        return KINDS.index(kind)
    return int(hashlib.sha256(kind.encode()).hexdigest()[:8], 16)


@dataclass(frozen=True)
class Motion:
    """What a prompt says about an example's motion: its score, and what the camera does."""

    score: float
    words: str = ""


@dataclass(frozen=True)
class EncodedExample:
    """latent [C, T, h, w]; with keyframes: guide of the same shape and mask [M, T, h, w]; without: `blank`, the guide of an empty
    canvas.

    image [L, D] for releases that take image features of the first keyframe.
    """

    latent: Tensor
    guide: Tensor
    mask: Tensor
    blank: Tensor
    motion: Motion
    image: Tensor | None = None


@dataclass(frozen=True)
class ExampleEncoders:
    """`encode_image`: picture_BHWC 0..1 -> image_BLD, of releases that have it."""

    encode: Encoder
    encode_image: Callable[[Tensor], Tensor] | None = None


def frames_of(example: Example, release: Release, rng: np.random.Generator) -> tuple[np.ndarray, Motion]:
    """uint8 FHWC frames: of a still one, of a drawing that moves a clip made from it, of a clip a part of it."""
    height, width = example.size
    low, high = release.motion_range
    path, is_first = example.item.path, example.variant == 0
    if example.item.num_frames > 1:
        spare = frames_within(example.item.seconds, example.fps) - example.num_frames
        skip = 0 if is_first else int(rng.integers(spare + 1))
        frames = without_borders(read_frames(path, example.fps, example.num_frames, skip=skip), example.cut)
        return cover_crop_pixels(frames, (height, width), None if is_first else rng), Motion(
            release.motion_score
        )
    picture = read_picture(path)
    if example.kind == "still":
        return cover_crop_pixels(picture, (height, width), None if is_first else rng)[None], Motion(low)
    larger = cover_crop_pixels(picture, (round(height * ENLARGED), round(width * ENLARGED)), rng)
    clip = pseudo_clip(larger, example.num_frames, example.fps, height, width, rng)
    score = motion_score(clip.speed * example.fps)
    return clip.frames_FHWC, Motion(min(high, max(low, round(score, 1))), clip.words)


def without_borders(frames_FHWC: np.ndarray, cut: float) -> np.ndarray:
    """Without that share of the height at the bottom, and as much of the width, half at each side (paper, section 4.3: videos with
    subtitles are cropped in proportion)."""
    _, height, width, _ = frames_FHWC.shape
    side = round(width * cut / 2)
    return frames_FHWC[:, : height - round(height * cut), side : width - side]
