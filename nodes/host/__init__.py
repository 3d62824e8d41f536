"""What nodes need of their host, in one small surface with two bodies: ComfyUI, or none.

`with Progress(total) as progress: progress.update(done, clip_FHWC)` shows the clip and stops when the user interrupts. `load` gives the host's own
MODEL, CLIP, VAE and CLIP_VISION; `sample` and `decode` take them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ...anisora_core.domain.atomic_write import write_beside
from ...anisora_core.domain.latents import RawLatent
from ...anisora_core.domain.release import Release
from ...anisora_core.generation.loading import Files
from ...anisora_core.generation.plan import SamplingPlan
from ...anisora_core.lora.apply import LoraUse
from ...anisora_core.media.images import read_image
from ...anisora_core.media.tensors import uncentred
from .loaded import Loaded
from .masks import to_concat_mask, to_noise_mask

if "comfy.model_management" in sys.modules and "folder_paths" in sys.modules:
    from .comfyui import Progress, input_file, model_file, model_names, output_folder

    _body = ".comfyui.networks"
else:
    from .standalone import Progress, input_file, model_file, model_names, output_folder

    _body = ".standalone.networks"

#: The host's CONDITIONING: text_BLD and values, per prompt.
Conditioning = list[list[Any]]

__all__ = [
    "Conditioning",
    "Progress",
    "decode",
    "encode_image",
    "encode_video",
    "fingerprint",
    "input_file",
    "load",
    "model_file",
    "model_names",
    "read_image",
    "sample",
    "save_latent",
    "solver",
    "to_concat_mask",
    "to_noise_mask",
    "train_apart",
    "with_lora",
]


def encode_image(clip_vision: Any, picture_BHWC: Tensor) -> Any:
    """A drawing through CLIP_VISION, ours or the host's, pulled to its square as Wan does.

    The host's would smooth while it shrinks, so that it gets the square already.
    """
    from ...anisora_core.encoders.clip import squashed

    if not getattr(clip_vision, "is_ours", False):
        picture_BHWC = squashed(picture_BHWC).clamp(0.0, 1.0)
    return clip_vision.encode_image(picture_BHWC, crop=False)


def fingerprint(files: Sequence[Path]) -> str:
    """Changes when a file does; the host asks for it before it decides whether to run a node again."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file).encode() + (file.read_bytes() if file.is_file() else b"missing"))
    return digest.hexdigest()


def save_latent(raw_latent: Tensor) -> Path:
    """In the output folder, as the host's Load Latent reads it, under the next free number."""
    folder, number = output_folder() / "latents", 1
    while (path := folder / f"AniSora_{number:05}_.latent").exists():
        number += 1
    folder.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as part:
        save_file(
            {"latent_tensor": raw_latent.contiguous(), "latent_format_version_0": torch.tensor([])}, part
        )
    return path


def _networks() -> Any:
    """Imported when a network is first used, so that the host starts as fast as without us."""
    return import_module(_body, __package__)


def load(release: Release, files: Files, dtype: torch.dtype | None) -> Loaded:
    """A release's files -> what goes along wires. `dtype` None: the device's fast one. ValueError for what does not fit."""
    return _networks().load(release, files, dtype)


def sample(
    model: Any,
    low_noise_model: Any,
    positive: Conditioning,
    negative: Conditioning,
    latent: dict[str, Any],
    plan: SamplingPlan,
    seed: int,
) -> Tensor:
    """Noise to raw latents, with the host's bar and preview; the user's interrupt ends it."""
    return _networks().sample(model, low_noise_model, positive, negative, latent, plan, seed)


def with_lora(model: Any, use: LoraUse, expert: str = "") -> Any:
    """The MODEL with a LoRA acting on it; `expert` is high or low for one of two. ValueError where it does not fit."""
    return _networks().with_lora(model, use, expert)


def solver(name: str) -> Any:
    """One of `SAMPLER_NAMES` as the host's SAMPLER."""
    return _networks().HostSampler(name)


def decode(vae: Any, latent_BCTHW: Tensor, latents_per_chunk: int) -> Iterator[Tensor]:
    """Raw latents -> runs of frames_FHWC 0..1, as they are done."""
    return _networks().decode(vae, latent_BCTHW, latents_per_chunk)


@torch.inference_mode()
def encode_video(vae: Any, video_BCFHW: Tensor) -> RawLatent:
    """video -1..1 -> raw latent_BCTHW through any VAE that takes frames as the host's do."""
    return vae.encode(uncentred(video_BCFHW[0]))


def train_apart(recipe: Any, files: Files, drawings: str) -> Any:
    """Train a LoRA in a process of its own -> `training.Trained`. The user's interrupt is raised when all is saved."""
    return import_module("..training_service.follow", __package__).train_apart(recipe, files, drawings)
