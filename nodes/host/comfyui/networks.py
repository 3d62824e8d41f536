"""Loading a release as the host's own objects."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import comfy.model_management
import comfy.sd
import comfy.utils
import torch
from comfy.ldm.modules.attention import optimized_attention
from safetensors import safe_open

from ....anisora_core.checkpoints.detect import identify
from ....anisora_core.checkpoints.files import SAFETENSORS, open_weights
from ....anisora_core.checkpoints.load import network_without_weights
from ....anisora_core.domain.release import Part, Release
from ....anisora_core.families import VideoTransformer, family_of
from ....anisora_core.generation.components import Experts
from ....anisora_core.generation.loading import (
    Files,
    checked,
    latent_rgb,
    load_preview,
    load_text,
    load_transformer,
    load_vae,
    load_vision,
)
from ....anisora_core.generation.plan import Expert
from ....anisora_core.runtime.precision import fast_dtype
from ..protocol import Loaded, Model
from ..vision_handle import VisionHandle
from .clip import clip_of
from .folders import tokenizer_folder
from .model import model_of, operations_for
from .objects import ModelPatcher
from .sampling import LOW_NOISE, PREVIEW
from .vae import HostVAE


def load(release: Release, files: Files, dtype: torch.dtype | None) -> Loaded:
    kind = dtype or fast_dtype(comfy.model_management.get_torch_device())
    cpu = torch.device("cpu")
    text = load_text(release, files, kind, tokenizer_folder())
    vision = load_vision(release, files, kind)
    vae = load_vae(release, files, kind, cpu, ops=operations_for(torch.float32))
    colours, preview = latent_rgb(release, files), load_preview(release, files)

    def load_one(expert: Expert) -> VideoTransformer:
        found = load_transformer(
            release, files, kind, cpu, ops=operations_for(kind), attention=optimized_attention
        )
        return getattr(found, expert)() if isinstance(found, Experts) else found

    def model_from(part: Part, expert: Expert = "") -> ModelPatcher:
        quantised = scaled_fp8(release, files[part]) if part in files else None
        return quantised or model_of(partial(load_one, expert), vae, release, colours)

    low_noise = None
    if release.boundary is None:
        model = model_from("transformer")
    else:
        model, low_noise = model_from("high_noise", "high"), model_from("low_noise", "low")
        model.set_attachments(LOW_NOISE, low_noise)
    if preview is not None:
        model.set_attachments(PREVIEW, preview)
    second = None if low_noise is None else Model(low_noise)
    return Loaded(Model(model), clip_of(text), HostVAE(vae), vision and VisionHandle(vision), second)


def scaled_fp8(release: Release, path: Path) -> ModelPatcher | None:
    """A file of scaled fp8 as the host's own model, which keeps it so in memory; None for any other file, and for a family that the
    host does not know.

    None also for the newer layout in a host that does not know it: such a file is multiplied out. The host logs what it
    does not know and goes on; here a file that does not fit, or is of another release, is a ValueError.
    """
    if (
        not family_of(release).is_native_to_host
        or path.suffix.lower() not in SAFETENSORS
        or not path.is_file()
    ):
        return None
    weights = open_weights(path)
    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
    has_old_marker = any(name.endswith("scaled_fp8") for name in names)
    if not has_old_marker and not any(name.endswith(".comfy_quant") for name in names):
        return None
    if not has_old_marker and not hasattr(comfy.utils, "convert_old_quants"):
        return None
    checked(release, network_without_weights(identify(weights, (family_of(release).transformer,))), path)
    return comfy.sd.load_diffusion_model(str(path))
