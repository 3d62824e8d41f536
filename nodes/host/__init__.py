"""What nodes need of the program they run in: `host`, in one of two bodies, and what both bodies do alike."""

from __future__ import annotations

import sys

from .encode import encode_image, encode_video
from .fingerprint import fingerprint
from .host_masks import to_concat_mask, to_noise_mask
from .latent_file import save_latent
from .protocol import Host

__all__ = [
    "encode_image",
    "encode_video",
    "fingerprint",
    "host",
    "save_latent",
    "to_concat_mask",
    "to_noise_mask",
]


def chosen_host() -> Host:
    """ComfyUI when it is what imports us."""
    if "comfy.model_management" in sys.modules and "folder_paths" in sys.modules:
        from . import comfyui

        return comfyui
    from . import standalone

    return standalone


host = chosen_host()
