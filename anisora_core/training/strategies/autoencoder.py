"""mini's VAE on rendered clips: single frames first, then short clips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...data.cartoons import make_shot, render
from ...media.tensors import to_video
from ..latent_space import Size


@lru_cache(maxsize=64)
def rendered(seed: int, number: int, size: Size) -> np.ndarray:
    """Frames of training clip `number`; neighbours in time share clips, so each is drawn once in a worker."""
    torch.set_num_threads(1)  # beside a trainer that wants the cores
    rng = np.random.default_rng((seed, number))
    shot = make_shot(int(rng.integers(1 << 31)), split="train")
    return render(shot, num_frames=33, height=size[0], width=size[1]).frames_FHWC


@dataclass(frozen=True)
class CartoonBatches(Dataset[Tensor]):
    """Item i is video_BCFHW: `batch_size` runs of `num_frames`, from clips that stay in use for some steps.

    A new clip comes every `steps_per_clip` items; an item draws from the last `batch_size` clips of its size.
    """

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
            frames = rendered(self.seed, number * len(self.sizes) + which, self.sizes[which])
            start = int(rng.integers(33 - self.num_frames + 1))
            run = frames[start : start + self.num_frames]
            if self.crop is not None:
                top, left = (int(rng.integers(side - self.crop + 1)) for side in run.shape[1:3])
                run = run[:, top : top + self.crop, left : left + self.crop]
            crops.append(to_video(run[:, :, ::-1] if rng.random() < 0.5 else run))
        return torch.stack(crops)
