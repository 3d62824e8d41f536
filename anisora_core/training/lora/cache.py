"""Examples and texts encoded once and kept on disk by what went in, so that a second run starts at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...conditioning.guide import encode_guide
from ...domain.atomic_write import write_beside
from ...domain.conditions import PlacedTimeline
from ...domain.release import Release
from ..engine.run_folder import is_whole
from ..strategies.encoding import KEYFRAMES, ExampleEncoder
from .examples import EncodedExample, Example, ExampleEncoders, Motion

#: Raised when the content of examples changes: files of other editions are made again.
_EDITION = 6


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
            if not (is_whole(self.path(example)) and is_whole(self.blank_path(example)))
        ]

    def fill(
        self, examples: Sequence[Example], encoders: ExampleEncoders, encode: ExampleEncoder
    ) -> Iterator[Example]:
        """Encode what is not there yet, yielding each as it is done."""
        for example in self.missing(examples):
            if not is_whole(self.blank_path(example)):
                nothing = PlacedTimeline(example.num_frames, example.fps, *example.size)
                guide = encode_guide(nothing, self.release.guide_rules, encoders.encode)
                _save(self.blank_path(example), {"blank": guide.latent_BCTHW[0]})
            tensors, motion = encode(example, self.release, encoders, self.seed)
            _save(self.path(example), tensors | {"motion_score": torch.tensor(motion.score)}, motion.words)
            yield example

    def read(self, example: Example) -> EncodedExample:
        with safe_open(self.path(example), "pt") as file:
            motion, names = _motion(file), file.keys()
            kept = {name: file.get_tensor(name).float() for name in names}
        blank = load_file(self.blank_path(example))["blank"].float()
        guide, mask = kept.get("guide", blank), kept.get("mask", kept["latent"][:0])
        return EncodedExample(kept["latent"], guide, mask, blank, motion, kept.get("image"))

    def motion(self, example: Example) -> Motion:
        """Without reading the latents."""
        with safe_open(self.path(example), "pt") as file:
            return _motion(file)


def _motion(file: Any) -> Motion:
    return Motion(float(file.get_tensor("motion_score")), (file.metadata() or {}).get("words", ""))


def _save(path: Path, tensors: dict[str, Tensor], words: str = "") -> None:
    kept = {name: value.half().cpu().contiguous() for name, value in tensors.items()}
    with write_beside(path) as part:
        save_file(kept, part, metadata={"words": words})


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
            if not is_whole(self.path(prompt)):
                with write_beside(self.path(prompt)) as part:
                    save_file({"text": encode([prompt])[0].float().cpu().contiguous()}, part)

    def read(self, prompt: str) -> Tensor:
        """text_LD."""
        return load_file(self.path(prompt))["text"]
