"""Loading, sampling and decoding through the host."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import comfy.model_management
import torch
from comfy.ldm.modules.attention import optimized_attention
from torch import Tensor

from ....anisora_core.checkpoints.components import Experts, Transformer
from ....anisora_core.loading import Files, load_text, load_transformer, load_vae, load_vision
from ....anisora_core.releases import Release
from ..loaded import Loaded
from ..precision import fast_dtype
from ..standalone.handles import VisionHandle
from .clip import clip_of
from .model import model_of, operations_for
from .sampling import LOW_NOISE, HostSampler, sample
from .vae import HostVAE, decode

__all__ = ["HostSampler", "decode", "load", "sample"]


def load(release: Release, files: Files, dtype: torch.dtype | None, latent_rgb: Tensor | None) -> Loaded:
    kind = dtype or fast_dtype(comfy.model_management.get_torch_device())
    cpu = torch.device("cpu")
    text = load_text(release, files, kind, tokenizer_folder())
    vision = load_vision(release, files, kind)
    vae = load_vae(release, files, kind, cpu, ops=operations_for(torch.float32))

    def bring(expert: Literal["high", "low"] = "high") -> Transformer:
        constructor = {"ops": operations_for(kind), "attention": optimized_attention}
        found = load_transformer(release, files, kind, cpu, **constructor)
        return getattr(found, expert)() if isinstance(found, Experts) else found

    model, low_noise = model_of(bring, vae, release, latent_rgb), None
    if release.boundary is not None:
        low_noise = model_of(partial(bring, "low"), vae, release, latent_rgb)
        model.set_attachments(LOW_NOISE, low_noise)
    return Loaded(model, clip_of(text), HostVAE(vae), vision and VisionHandle(vision), low_noise)


def tokenizer_folder() -> Path | None:
    """Where the host keeps T5's tokenizer."""
    path = Path(comfy.model_management.__file__).parent / "text_encoders" / "t5_tokenizer"
    return path if path.is_dir() else None
