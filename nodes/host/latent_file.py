"""Latents as files that the host's Load Latent reads."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from ...anisora_core.domain.atomic_write import write_beside
from ...anisora_core.domain.latents import RawLatent


def save_latent(latent: RawLatent, output_folder: Path) -> Path:
    """In the folder `latents` of `output_folder`, under the next free number."""
    folder, number = output_folder / "latents", 1
    while (path := folder / f"AniSora_{number:05}_.latent").exists():
        number += 1
    folder.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as part:
        save_file({"latent_tensor": latent.contiguous(), "latent_format_version_0": torch.tensor([])}, part)
    return path
