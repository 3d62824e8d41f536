"""What nodes and the training service need of the host they run in, and the types of what goes along its wires.

`Host` has two bodies, the packages `comfyui` and `standalone`. Each type of a wire has only what we use of it. Latents on
wires are raw (not normalised), and masks are the host's (`host_masks.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NewType, NotRequired, Protocol, Self, TypedDict, cast, overload

import torch
from torch import Tensor

from ...anisora_core.domain.latents import RawLatent
from ...anisora_core.domain.release import Release
from ...anisora_core.generation.loading import Files
from ...anisora_core.generation.plan import Expert, SamplingPlan
from ...anisora_core.lora.apply import LoraUse

if TYPE_CHECKING:
    from ...anisora_core.training.engine.events import Event

#: MODEL, SAMPLER and the tokens of a CLIP: nodes hand them on; only the host that made them opens them.
Model = NewType("Model", object)
Sampler = NewType("Sampler", object)
Tokens = NewType("Tokens", object)


class HostLatent(TypedDict):
    """LATENT. `noise_mask` is 1 where the sampler works."""

    samples: RawLatent
    noise_mask: NotRequired[Tensor]


class ClipVisionOutput(Protocol):
    """CLIP_VISION_OUTPUT."""

    @property
    def penultimate_hidden_states(self) -> Tensor: ...


class ConditioningValues(TypedDict, total=False):
    """What a CONDITIONING says beside the text. ComfyUI's own nodes put more into it, which is handed on."""

    concat_latent_image: RawLatent
    concat_mask: Tensor
    clip_vision_output: ClipVisionOutput
    pooled_output: Tensor | None


class ConditioningEntry(Protocol):
    """A list of two, as ComfyUI's nodes write it: text_BLD and values."""

    @overload
    def __getitem__(self, index: Literal[0], /) -> Tensor: ...
    @overload
    def __getitem__(self, index: Literal[1], /) -> ConditioningValues: ...


def conditioning_entry(text_BLD: Tensor, values: ConditioningValues) -> ConditioningEntry:
    return cast(ConditioningEntry, [text_BLD, values])


#: CONDITIONING: an entry per prompt.
Conditioning = list[ConditioningEntry]


class Clip(Protocol):
    """CLIP."""

    def tokenize(self, text: str, /) -> Tokens: ...
    def encode_from_tokens_scheduled(self, tokens: Tokens, /) -> Conditioning: ...


class ClipVision(Protocol):
    """CLIP_VISION."""

    def encode_image(self, image: Tensor, /, crop: bool) -> ClipVisionOutput:
        """image_BHWC 0..1. `crop`: the middle square; else the whole picture, pulled to a square."""
        ...


class Vae(Protocol):
    """VAE."""

    def encode(self, pixels_FHWC: Tensor, /) -> RawLatent:
        """Frames 0..1 -> latent_BCTHW."""
        ...

    def decode(self, latent_BCTHW: RawLatent, /) -> Tensor:
        """Frames 0..1; the last three axes are HWC."""
        ...


@dataclass(frozen=True)
class Loaded:
    """What a loader gives to wires; CLIP_VISION where the release reads the drawing through one; the low noise MODEL where it has two."""

    model: Model
    clip: Clip
    vae: Vae
    clip_vision: ClipVision | None = None
    low_noise_model: Model | None = None


class Progress(Protocol):
    """`with host.progress(total) as progress: progress.update(done, clip_FHWC)`."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def update(self, done: int, clip_FHWC: Tensor | None = None, seconds_per_frame: float = 0.25) -> None:
        """Shows the clip, 0..1, and raises the user's interrupt."""
        ...


class TrainingStatus(Protocol):
    """How far a training is. `message`: all of it, as JSON for the page."""

    @property
    def phase(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    def message(self) -> Mapping[str, object]: ...


class TrainingListener(Protocol):
    """Shows a training; raises the user's interrupt. `event` is None while there is none."""

    def __call__(self, event: Event | None, status: TrainingStatus, /) -> None: ...


class Host(Protocol):
    """ComfyUI, or none."""

    def device(self) -> torch.device: ...

    # Files

    def input_file(self, name: str) -> Path:
        """A picture that a node names, as `name` or `name [input]`. ValueError for one that may not be read."""
        ...

    def model_file(self, folder: str, name: str) -> Path | None:
        """A file or folder in models/`folder`; None if there is none."""
        ...

    def model_names(self, folder: str) -> list[str]:
        """Files of models/`folder`, with the folders inside it."""
        ...

    def output_folder(self) -> Path: ...

    def loras_folder(self) -> Path:
        """Where a new LoRA is written."""
        ...

    def tokenizer_folder(self) -> Path | None:
        """The host's own tokenizer of T5, if it has one."""
        ...

    # Making clips

    def progress(self, total: int, unit: str = "step") -> Progress: ...

    def load(self, release: Release, files: Files, dtype: torch.dtype | None) -> Loaded:
        """A release's files -> what goes along wires. `dtype` None: the device's fast one. ValueError for what does not fit."""
        ...

    def with_lora(self, model: Model, use: LoraUse, expert: Expert = "") -> tuple[Model, str]:
        """A MODEL with one LoRA more, and what of it acts; `expert`: which of two it is. ValueError where the LoRA does not fit."""
        ...

    def zero_latent(self, model: Model, like_BCTHW: RawLatent) -> RawLatent:
        """What the model sees as zero, one value for each channel: [1, C, 1, 1, 1]."""
        ...

    def sampler(self, name: str) -> Sampler:
        """One of `SAMPLER_NAMES`, for the host's custom sampling nodes."""
        ...

    def sample(
        self,
        model: Model,
        low_noise_model: Model | None,
        positive: Conditioning,
        negative: Conditioning,
        latent: HostLatent,
        plan: SamplingPlan,
        seed: int,
    ) -> RawLatent:
        """Noise to latents, with progress and preview; the user's interrupt ends it."""
        ...

    def decode(self, vae: Vae, latent_BCTHW: RawLatent, latents_per_chunk: int) -> Iterator[Tensor]:
        """Latents -> runs of frames_FHWC 0..1, as they are done."""
        ...

    # Training

    def make_room(self) -> None:
        """Frees the memory that the host's models hold."""
        ...

    def training_listener(self) -> TrainingListener:
        """For one training, of the node that runs now."""
        ...
