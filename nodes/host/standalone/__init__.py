"""The host without ComfyUI: folders of the working directory, lines in the terminal, everything in memory on one device.

This package is a `Host`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from ....anisora_core.domain.latents import RawLatent
from ....anisora_core.domain.release import Release
from ....anisora_core.generation.loading import Files
from ....anisora_core.generation.plan import Expert, SamplingPlan
from ....anisora_core.lora.apply import LoraUse
from ....anisora_core.runtime.placement import Placement
from ..protocol import Conditioning, HostLatent, Loaded, Model, Sampler, TrainingListener, Vae
from .folders import (
    input_file,
    loras_folder,
    model_file,
    model_names,
    models_folder,
    output_folder,
    tokenizer_folder,
)
from .terminal import Progress

__all__ = [
    "Progress",
    "decode",
    "device",
    "input_file",
    "load",
    "loras_folder",
    "make_room",
    "model_file",
    "model_names",
    "models_folder",
    "output_folder",
    "placing",
    "progress",
    "sample",
    "sampler",
    "tokenizer_folder",
    "training_listener",
    "with_lora",
    "zero_latent",
]


#: How `load` places transformers; ComfyUI has its own memory management, so nodes do not ask for it.
_placement: ContextVar[Placement | None] = ContextVar("placement", default=None)


@contextmanager
def placing(placement: Placement) -> Generator[None]:
    """Transformers loaded inside are placed so."""
    token = _placement.set(placement)
    try:
        yield
    finally:
        _placement.reset(token)


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def progress(total: int, unit: str = "step") -> Progress:
    return Progress(total, unit)


def load(release: Release, files: Files, dtype: torch.dtype | None) -> Loaded:
    from . import networks

    return networks.load(release, files, dtype, _placement.get() or Placement())


def with_lora(model: Model, use: LoraUse, expert: Expert = "") -> tuple[Model, str]:
    from . import networks

    return networks.with_lora(model, use)


def zero_latent(model: Model, like_BCTHW: RawLatent) -> RawLatent:
    from . import networks

    return networks.zero_latent(model, like_BCTHW)


def sampler(name: str) -> Sampler:
    """The name alone, as no node without ComfyUI takes one."""
    return Sampler(name)


def sample(
    model: Model,
    low_noise_model: Model | None,
    positive: Conditioning,
    negative: Conditioning,
    latent: HostLatent,
    plan: SamplingPlan,
    seed: int,
) -> RawLatent:
    """`low_noise_model` is in `model`, which loads each expert when its noise level comes."""
    from . import networks

    return networks.sample(model, positive, negative, latent, plan, seed)


def decode(vae: Vae, latent_BCTHW: RawLatent, latents_per_chunk: int) -> Iterator[Tensor]:
    from . import networks

    return networks.decode(vae, latent_BCTHW, latents_per_chunk)


def make_room() -> None:
    """Nothing else holds memory."""


def training_listener() -> TrainingListener:
    from .training import listener

    return listener
