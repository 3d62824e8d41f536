"""The host is ComfyUI, which only this package imports. This package is a `Host`.

Networks are imported when one is first used, so that ComfyUI starts as fast as without us.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import comfy.model_management
import torch
from torch import Tensor

from ....anisora_core.domain.latents import RawLatent
from ....anisora_core.domain.release import Release
from ....anisora_core.generation.loading import Files
from ....anisora_core.generation.plan import Expert, SamplingPlan
from ....anisora_core.lora.apply import LoraUse
from ..protocol import Conditioning, HostLatent, Loaded, Model, Sampler, TrainingListener, Vae
from .folders import input_file, loras_folder, model_file, model_names, output_folder, tokenizer_folder
from .objects import ModelPatcher
from .preview import Progress

__all__ = [
    "decode",
    "device",
    "input_file",
    "load",
    "loras_folder",
    "make_room",
    "model_file",
    "model_names",
    "output_folder",
    "progress",
    "sample",
    "sampler",
    "tokenizer_folder",
    "training_listener",
    "with_lora",
    "zero_latent",
]


def device() -> torch.device:
    return comfy.model_management.get_torch_device()


def progress(total: int, unit: str = "step") -> Progress:
    return Progress(total, unit)


def load(release: Release, files: Files, dtype: torch.dtype | None) -> Loaded:
    from . import networks

    return networks.load(release, files, dtype)


def with_lora(model: Model, use: LoraUse, expert: Expert = "") -> tuple[Model, str]:
    from . import lora

    styled, report = lora.with_lora(cast(ModelPatcher, model), use, expert)
    return Model(styled), report


def zero_latent(model: Model, like_BCTHW: RawLatent) -> RawLatent:
    latent_format = cast(ModelPatcher, model).model.latent_format
    return RawLatent(latent_format.process_out(torch.zeros_like(like_BCTHW[:1, :, :1, :1, :1])))


def sampler(name: str) -> Sampler:
    from . import sampling

    return Sampler(sampling.HostSampler(name))


def sample(
    model: Model,
    low_noise_model: Model | None,
    positive: Conditioning,
    negative: Conditioning,
    latent: HostLatent,
    plan: SamplingPlan,
    seed: int,
) -> RawLatent:
    from . import sampling

    high, low = cast(ModelPatcher, model), cast(ModelPatcher | None, low_noise_model)
    return sampling.sample(high, low, positive, negative, latent, plan, seed)


def decode(vae: Vae, latent_BCTHW: RawLatent, latents_per_chunk: int) -> Iterator[Tensor]:
    from . import vae as vaes

    return vaes.decode(vae, latent_BCTHW, latents_per_chunk)


def make_room() -> None:
    """The host's models leave the device's memory."""
    comfy.model_management.unload_all_models()
    comfy.model_management.soft_empty_cache()


def training_listener() -> TrainingListener:
    from .training import listener

    return listener()
