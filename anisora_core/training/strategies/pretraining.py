"""mini's pretraining: rendered clips encoded once (latents, several random guides each, token ids), read back as batches for the
transformer and text encoder, which learn together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ...conditioning.masks import pack_mask
from ...conditioning.prompt import compose_prompt
from ...data.training_clips import ClipSource
from ...domain.atomic_write import write_beside
from ...domain.latents import RawLatent
from ...domain.release import Release
from ...encoders.byte_t5 import ByteTextEncoder
from ...families.wan.vae import WanVAE
from ...media.tensors import to_video
from ..engine.run_folder import is_whole
from ..latent_space import Size, pixel_metric
from ..objectives import PretrainingMatching
from ..random_conditions import ConditionMix, random_canvas
from ..text_to_video import TextToVideo


@dataclass(frozen=True)
class Bucket:
    """Clips of one length and size; `share` of the clips of a stage."""

    num_frames: int
    size: Size
    share: float
    batch_size: int = 16

    @property
    def name(self) -> str:
        return f"{self.num_frames}x{self.size[1]}x{self.size[0]}"


@dataclass(frozen=True)
class RenderedClips(Dataset[dict[str, Any]]):
    """Item i: a true clip and `conditions` canvases for it, made in the worker; the caller encodes them."""

    source: ClipSource
    bucket: Bucket
    conditions: int
    mix: ConditionMix
    seed: int
    release: Release

    def __getitem__(self, index: int) -> dict[str, Any]:
        torch.set_num_threads(1)
        rng = np.random.default_rng((self.seed, self.bucket.num_frames, *self.bucket.size, index))
        clip = self.source.clip(rng, self.bucket.size, self.bucket.num_frames)
        frames, moving = clip.frames_FHWC[: self.bucket.num_frames], clip.moving_FHW[: self.bucket.num_frames]
        canvases = [
            random_canvas(frames, moving, self.mix, rng, self.release.between) for _ in range(self.conditions)
        ]
        score = clip.motion_score if self.bucket.num_frames > 1 else 0.0
        return {
            "videos": torch.stack([to_video(frames), *(c.video_CFHW for c in canvases)]).half(),
            "given": torch.stack([c.given_mask_FHW for c in canvases]).half(),
            "prompt": compose_prompt(clip.caption, self.release, score),
        }


def encode_bucket(
    vae: WanVAE,
    text_encoder: ByteTextEncoder,
    clips: RenderedClips,
    count: int,
    folder: Path,
    *,
    workers: int = 1,
) -> Iterator[int]:
    """Write shards of 64 clips under `folder`, skipping those already there; yields clips done."""
    shard_size = 64
    device = next(vae.parameters()).device
    for first in range(0, count, shard_size):
        path = folder / f"{clips.bucket.name}_{first:06d}.safetensors"
        if is_whole(path):
            continue
        wanted = range(first, min(count, first + shard_size))
        loader = DataLoader(clips, batch_size=None, sampler=wanted, num_workers=workers, prefetch_factor=2)
        rows: list[dict[str, Tensor]] = []
        prompts: list[str] = []
        for item in loader:
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
                # One by one: most of a guide stands still, and the VAE encodes that part of a clip once.
                encoded: list[Tensor] = [
                    vae.encode(video[None].float().to(device)).mode() for video in item["videos"]
                ]
                latents = vae.normalize(RawLatent(torch.cat(encoded).float()))
            masks = torch.stack([pack_mask(given.float(), vae.grid) for given in item["given"]])
            row = {"latent": latents[0], "guide": latents[1:], "mask": masks}
            rows.append({key: value.half().cpu() for key, value in row.items()})
            prompts.append(item["prompt"])
        ids, mask = text_encoder.tokenize(prompts)
        stacked = {key: torch.stack([row[key] for row in rows]).contiguous() for key in rows[0]}
        stacked |= {"ids": ids.to(torch.int16), "text_mask": mask.to(torch.bool)}
        with write_beside(path) as part:
            save_file(stacked, part, metadata={"prompts": json.dumps(prompts)})
        yield first + len(rows)


class LatentBatches(Dataset[dict[str, Tensor]]):
    """Item i is a batch of one bucket, drawn by share; everything is kept in memory.

    `undrawn`: share of clips shown with nothing given, with the guide of an empty canvas instead: `blank` makes it,
    [C, T, h, w].
    """

    def __init__(
        self,
        folder: Path,
        buckets: Sequence[Bucket],
        *,
        seed: int,
        blank: Callable[[Bucket], Tensor],
        undrawn: float = 0.0,
    ) -> None:
        self.buckets, self.seed, self.undrawn = list(buckets), seed, undrawn
        self.blanks = [blank(bucket) for bucket in self.buckets]
        self.tensors = [self._read(folder, bucket) for bucket in self.buckets]
        shares = np.array([bucket.share for bucket in self.buckets])
        self.shares = shares / shares.sum()

    @staticmethod
    def _read(folder: Path, bucket: Bucket) -> dict[str, Tensor]:
        shards = [load_file(path) for path in sorted(folder.glob(f"{bucket.name}_*.safetensors"))]
        if not shards:
            raise ValueError(f"no latents for {bucket.name} in {folder}; run the cache stage first")
        return {key: torch.cat([shard[key] for shard in shards]) for key in shards[0]}

    def some_latents(self, count: int) -> Tensor:
        """The first [count, C, T, H, W] of the first bucket."""
        return self.tensors[0]["latent"][:count].float()

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        which = int(rng.choice(len(self.buckets), p=self.shares))
        bucket, tensors = self.buckets[which], self.tensors[which]
        rows = torch.from_numpy(rng.integers(len(tensors["latent"]), size=bucket.batch_size))
        draw = torch.from_numpy(rng.integers(tensors["guide"].shape[1], size=bucket.batch_size))
        ids, text_mask = tensors["ids"][rows].long(), tensors["text_mask"][rows].long()
        guide, mask = tensors["guide"][rows, draw].float(), tensors["mask"][rows, draw].float()
        hidden = torch.from_numpy(rng.random(bucket.batch_size) < self.undrawn)
        guide[hidden], mask[hidden] = self.blanks[which].float(), 0.0
        return {
            "latent": tensors["latent"][rows].float(),
            "guide": guide,
            "mask": mask,
            "ids": ids,
            "text_mask": text_mask,
        }


def pretraining_objective(
    model: TextToVideo, vae: WanVAE, latents_BCTHW: Tensor, rng: torch.Generator
) -> PretrainingMatching:
    """Errors are measured in the pixels that they decode to, near these latents."""
    ids, mask = model.text_encoder.tokenize([""])
    return PretrainingMatching(ids[0], mask[0], pixel_metric(vae, latents_BCTHW, rng))
