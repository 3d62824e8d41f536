"""Batches for mini's VAE: single frames first, then short clips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...data.training_clips import ClipSource
from ...media.tensors import to_video
from ..latent_space import Size


@lru_cache(maxsize=256)  # of several sizes, a batch and more of each
def drawn(source: ClipSource, seed: int, number: int, size: Size, num_frames: int) -> np.ndarray:
    """Frames of training clip `number`; neighbours in time share clips, so each is drawn once in a worker."""
    torch.set_num_threads(1)  # beside a trainer that wants the cores
    rng = np.random.default_rng((seed, number))
    if num_frames == 1:
        return source.still(rng, size)[None]
    return source.clip(rng, size).frames_FHWC


@dataclass(frozen=True)
class ClipBatches(Dataset[Tensor]):
    """Item i is video_BCFHW: `batch_size` runs of `num_frames`, from clips that stay in use for some steps.

    A new clip comes every `steps_per_clip` items; an item draws from the last `batch_size` clips of its size.
    """

    source: ClipSource
    batch_size: int
    num_frames: int
    sizes: tuple[Size, ...]
    seed: int
    steps_per_clip: int = 2
    crop: int | None = None  # side of a random square, for more steps in the same time

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, index))
        which = index % len(self.sizes)
        newest = index // (self.steps_per_clip * len(self.sizes)) + self.batch_size
        crops: list[Tensor] = []
        for number in range(newest - self.batch_size, newest):
            size = self.sizes[which]
            frames = drawn(self.source, self.seed, number * len(self.sizes) + which, size, self.num_frames)
            start = int(rng.integers(len(frames) - self.num_frames + 1))
            run = frames[start : start + self.num_frames]
            if self.crop is not None:
                top, left = (int(rng.integers(side - self.crop + 1)) for side in run.shape[1:3])
                run = run[:, top : top + self.crop, left : left + self.crop]
            crops.append(to_video(run[:, :, ::-1] if rng.random() < 0.5 else run))
        return torch.stack(crops)


@dataclass(frozen=True)
class Alternating(Dataset[Tensor]):
    """Item i is an item of the i-th of the parts, in turn: stills keep their share among clips, whose frames outnumber them."""

    parts: tuple[ClipBatches, ...]

    def __getitem__(self, index: int) -> Tensor:
        return self.parts[index % len(self.parts)][index // len(self.parts)]
