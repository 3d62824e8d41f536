"""What a LoRA learns from: drawings as one-frame clips with nothing given, moving ones out of them, and true clips.

Stills are never their own guide: a model that is shown its answer learns to copy. Everything is encoded once and kept
on disk by what went in, so that a second run starts at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...conditioning.guide import Encoder, canvas_of_keyframes, encode_guide, encode_in_slots
from ...conditioning.masks import pack_mask
from ...data.pseudo_clips import ENLARGED, pseudo_clip
from ...data.training_folder import Item
from ...domain.atomic import write_beside
from ...domain.conditions import PlacedTimeline, Timeline
from ...domain.release import Release
from ...media.frames import frames_within, read_frames
from ...media.pictures import read_picture
from ...media.resize import cover_crop_pixels
from ...media.tensors import to_floats, to_video
from ..conditions import ConditionMix, random_keyframes
from .areas import Foreground, area_example, area_of, moving

Kind = Literal["still", "move", "clip", "area"]
#: Keyframes of moving examples: AniSora's own program draws at most two, half of the clips have the first (facts of V1's
#: `shared_step`); the paper adds first and last (section 4.3, mask strategy).
KEYFRAMES = ConditionMix(
    nothing=0.0, first=0.5, first_and_last=0.2, last=0.1, motion_area=0.0, max_keyframes=2, weak_keyframe=0.0
)

#: Of what examples show: with another one, files kept from earlier are made again.
_EDITION = 6


@dataclass(frozen=True)
class Example:
    """One way to see an item: a still, or a clip of `num_frames` at `fps`, at `size` (height, width).

    `variant` counts random crops, moves and parts of one item. `cut`: share of a clip's height that is left out below, of its
    width at the sides. `self_guided`: the still is its own guide, as other trainers have it; for comparisons.
    """

    item: Item
    kind: Kind
    size: tuple[int, int]
    num_frames: int
    variant: int
    fps: float
    cut: float = 0.0
    self_guided: bool = False

    @property
    def shape(self) -> tuple[Kind, int, tuple[int, int]]:
        """Of examples that fit into one batch."""
        return self.kind, self.num_frames, self.size

    def rng(self, seed: int) -> np.random.Generator:
        content = int(self.item.content[:16], 16)
        kind = get_args(Kind).index(self.kind)
        return np.random.default_rng((seed, content, kind, *self.size, self.variant))


@dataclass(frozen=True)
class Told:
    """What a prompt says of an example: its motion, and what its camera does."""

    motion_score: float
    words: str = ""


@dataclass(frozen=True)
class Encoded:
    """latent [C, T, h, w]; with keyframes: guide as it, mask [M, T, h, w]; without: `blank`, the guide of an empty canvas.

    image [L, D] for releases that look at the first keyframe.
    """

    latent: Tensor
    guide: Tensor
    mask: Tensor
    blank: Tensor
    told: Told
    image: Tensor | None = None


@dataclass(frozen=True)
class Encoders:
    """`see`: picture_BHWC 0..1 -> image_BLD, of releases that have it. `foreground`: for examples of areas."""

    encode: Encoder
    see: Callable[[Tensor], Tensor] | None = None
    foreground: Foreground = moving


@dataclass(frozen=True)
class ExampleCache:
    """Encoded examples under `folder`. `encoded_by`: what would change the latents, the VAE's file."""

    folder: Path
    release: Release
    encoded_by: str
    seed: int

    def path(self, example: Example) -> Path:
        said = asdict(example) | {"item": example.item.content, "seed": self.seed}
        return self._path([said, asdict(KEYFRAMES), _EDITION])

    def blank_path(self, example: Example) -> Path:
        return self._path([example.num_frames, *example.size])

    def _path(self, said: list[Any]) -> Path:
        text = json.dumps([self.release.name, self.encoded_by, said], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.safetensors"

    def missing(self, examples: Sequence[Example]) -> list[Example]:
        return [
            example
            for example in examples
            if not (self.path(example).exists() and self.blank_path(example).exists())
        ]

    def fill(self, examples: Sequence[Example], encoders: Encoders) -> Iterator[Example]:
        """Encode what is not there yet, yielding each as it is done."""
        for example in self.missing(examples):
            if not self.blank_path(example).exists():
                nothing = PlacedTimeline(example.num_frames, example.fps, *example.size)
                guide = encode_guide(nothing, self.release.guide_rules, encoders.encode)
                _save(self.blank_path(example), {"blank": guide.latent_BCTHW[0]})
            _save(self.path(example), *encoded(example, self.release, encoders, self.seed))
            yield example

    def read(self, example: Example) -> Encoded:
        with safe_open(self.path(example), "pt") as file:
            told, names = _told(file), file.keys()
            kept = {name: file.get_tensor(name).float() for name in names}
        blank = load_file(self.blank_path(example))["blank"].float()
        guide, mask = kept.get("guide", blank), kept.get("mask", kept["latent"][:0])
        return Encoded(kept["latent"], guide, mask, blank, told, kept.get("image"))

    def told(self, example: Example) -> Told:
        """Without reading the latents."""
        with safe_open(self.path(example), "pt") as file:
            return _told(file)


def _told(file: Any) -> Told:
    return Told(float(file.get_tensor("motion_score")), (file.metadata() or {}).get("words", ""))


def _save(path: Path, tensors: dict[str, Tensor], words: str = "") -> None:
    kept = {name: value.half().cpu().contiguous() for name, value in tensors.items()}
    with write_beside(path) as part:
        save_file(kept, part, metadata={"words": words})


def encoded(
    example: Example, release: Release, encoders: Encoders, seed: int
) -> tuple[dict[str, Tensor], str]:
    """The tensors of a file, and its words: a still has neither guide nor mask, unless it is its own."""
    rng, encode = example.rng(seed), encoders.encode
    frames, score, words = frames_of(example, release, rng)
    if example.kind == "area":
        area = area_of(frames, encoders.foreground)
        made = area_example(frames, example.fps, area, release.grid, release.between, encode)
        image = {"image": encoders.see(to_floats(frames[:1]))[0]} if encoders.see else {}
        return made | image | {"motion_score": torch.tensor(score)}, words
    latent = encode(to_video(frames)[None])[0]
    tensors = {"latent": latent, "motion_score": torch.tensor(score)}
    if example.self_guided:
        given = torch.ones_like(latent[: release.grid.frames_per_latent])
        return tensors | {"guide": latent, "mask": given}, words
    if example.kind == "still":
        return tensors, words
    placed = random_keyframes(frames, KEYFRAMES, rng, release.key_multiple)
    if encoders.see:
        tensors["image"] = encoders.see(placed[0].image_HWC[None])[0]
    timeline = Timeline(len(frames), example.fps, *example.size)
    if release.guide_way == "slots":
        # of two in one latent the authors' training keeps the first
        alone = {release.grid.latent_of_frame(key.frame): key for key in reversed(placed)}
        guide, mask = encode_in_slots(list(alone.values()), timeline, release.grid, encode)
        return tensors | {"guide": guide[0], "mask": mask[0]}, words
    canvas = canvas_of_keyframes(placed, timeline, release.between)
    guide = encode(canvas.video_CFHW[None])[0]
    return tensors | {"guide": guide, "mask": pack_mask(canvas.given_mask_FHW, release.grid)}, words


def frames_of(example: Example, release: Release, rng: np.random.Generator) -> tuple[np.ndarray, float, str]:
    """uint8 FHWC frames, and the motion score and words that the prompt says."""
    height, width = example.size
    low, high = release.motion_range
    path, is_first = example.item.path, example.variant == 0
    if example.kind in ("clip", "area"):
        spare = frames_within(example.item.seconds, example.fps) - example.num_frames
        skip = 0 if is_first else int(rng.integers(spare + 1))
        frames = uncut(read_frames(path, example.fps, example.num_frames, skip=skip), example.cut)
        return cover_crop_pixels(frames, (height, width), None if is_first else rng), release.motion_score, ""
    picture = read_picture(path)
    if example.kind == "still":
        return cover_crop_pixels(picture, (height, width), None if is_first else rng)[None], low, ""
    larger = cover_crop_pixels(picture, (round(height * ENLARGED), round(width * ENLARGED)), rng)
    clip = pseudo_clip(larger, example.num_frames, example.fps, height, width, rng)
    score = 14.0 * (clip.speed * example.fps) ** 0.5  # as mini's cartoons are told
    return clip.frames_FHWC, min(high, max(low, round(score, 1))), clip.words


def uncut(frames_FHWC: np.ndarray, cut: float) -> np.ndarray:
    """Without that share of the height below, and as much of the width, half at each side (paper, section 4.3: videos with
    subtitles are cropped in proportion)."""
    _, height, width, _ = frames_FHWC.shape
    side = round(width * cut / 2)
    return frames_FHWC[:, : height - round(height * cut), side : width - side]


@dataclass(frozen=True)
class TextCache:
    """Features of prompts, by prompt and encoder."""

    folder: Path
    encoded_by: str

    def path(self, prompt: str) -> Path:
        digest = hashlib.sha256(f"{self.encoded_by}\n{prompt}".encode()).hexdigest()
        return self.folder / f"text_{digest[:32]}.safetensors"

    def fill(self, prompts: Sequence[str], encode: Callable[[Sequence[str]], Tensor]) -> None:
        for prompt in dict.fromkeys(prompts):
            if not self.path(prompt).exists():
                with write_beside(self.path(prompt)) as part:
                    save_file({"text": encode([prompt])[0].float().cpu().contiguous()}, part)

    def read(self, prompt: str) -> Tensor:
        """text_LD."""
        return load_file(self.path(prompt))["text"]
