"""Clips to train mini on, with exact truth: rendered cartoons, and drawings of a library that move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from . import cartoons
from .cartoons import make_shot, render
from .drawings import Drawing, animate, make_scene, read_library
from .drawings.animation import SUPERSAMPLE
from .drawings.animation import caption_words as words_of_drawings

Size = tuple[int, int]  # height, width
#: Still drawings are also shown in parts: how much larger than the clip's size they are drawn.
_STILL_SCALES = ((1.0, 0.5), (1.5, 0.3), (2.0, 0.2))


class TrainingClip(Protocol):
    """frames_FHWC uint8 RGB; moving_FHW bool: pixels that may differ between frame f and f + 1."""

    @property
    def frames_FHWC(self) -> np.ndarray: ...
    @property
    def moving_FHW(self) -> np.ndarray: ...
    @property
    def caption(self) -> str: ...
    @property
    def motion_score(self) -> float: ...


@dataclass(frozen=True)
class ClipSource:
    """`library`: a folder made by `anisora data art`; `share` of the clips are its drawings, the others cartoons."""

    library: Path | None = None
    share: float = 0.0

    def clip(self, rng: np.random.Generator, size: Size, num_frames: int = 33) -> TrainingClip:
        """All of a clip is decided by `rng`. A cartoon's action fills 33 frames, whatever `num_frames`."""
        seed = int(rng.integers(1 << 31))
        if not self.is_drawing(rng):
            return render(make_shot(seed, split="train"), num_frames=33, height=size[0], width=size[1])
        height, width = (side * SUPERSAMPLE for side in size)
        scene = make_scene(rng, self.drawings(), height, width)
        return animate(scene, rng, num_frames=num_frames)

    def still(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """picture_HWC uint8: a frame of a cartoon, or a drawing or a part of one."""
        seed = int(rng.integers(1 << 31))
        if not self.is_drawing(rng):
            clip = render(make_shot(seed, split="train"), num_frames=33, height=size[0], width=size[1])
            return clip.frames_FHWC[int(rng.integers(33))]
        scales, chances = zip(*_STILL_SCALES, strict=True)
        scale = float(rng.choice(scales, p=chances))
        tall, wide = (int(side * scale) for side in size)
        scene = make_scene(rng, self.drawings(), tall * SUPERSAMPLE, wide * SUPERSAMPLE)
        picture = animate(scene, rng, num_frames=1).frames_FHWC[0]
        top, left = int(rng.integers(tall - size[0] + 1)), int(rng.integers(wide - size[1] + 1))
        return picture[top : top + size[0], left : left + size[1]]

    def is_drawing(self, rng: np.random.Generator) -> bool:
        return self.library is not None and rng.random() < self.share

    def drawings(self) -> list[Drawing]:
        assert self.library is not None
        return trained_on(self.library)


@lru_cache(maxsize=2)
def trained_on(library: Path) -> list[Drawing]:
    return read_library(library, "train")


def caption_words() -> tuple[str, ...]:
    """All that captions are made of, in alphabetical order."""
    return tuple(sorted({*cartoons.caption_words(), *words_of_drawings()}))
