"""Models, releases and the drawings that come with the pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..anisora_core.checkpoints.load import MINI_DIR, load_mini, read_card
from ..anisora_core.releases import MINI_NAME, RELEASES, Release, find_release
from . import host
from .types import RELEASE, ClipHandle, ModelHandle, VaeHandle

DRAWINGS = Path(__file__).parent / "drawings"
_PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}  # `auto` is the device's fast one


class AniSoraModelLoader:
    CATEGORY = "AniSora"
    DESCRIPTION = "Load an AniSora release: model, text encoder, VAE and its recommended settings."
    RETURN_TYPES = ("MODEL", "CLIP", "VAE", RELEASE)
    RETURN_NAMES = ("model", "clip", "vae", "release")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "release": (
                    list(RELEASES),
                    {"default": MINI_NAME, "tooltip": "mini comes with the pack and runs on a CPU."},
                ),
                "precision": (
                    ["auto", *_PRECISIONS],
                    {
                        "default": "auto",
                        "tooltip": "auto: bfloat16 where the device is fast at it (half the memory), else float32.",
                    },
                ),
            },
            "optional": {
                "transformer_file": (
                    "STRING",
                    {
                        "default": "",
                        "tooltip": "Empty: the release's own. For mini: a folder made by `anisora train mini`.",
                    },
                ),
                "vae_file": ("STRING", {"default": "", "tooltip": "Empty: the release's own."}),
                "text_encoder_file": ("STRING", {"default": "", "tooltip": "Empty: the release's own."}),
            },
        }

    def load(
        self,
        release: str,
        precision: str,
        transformer_file: str = "",
        vae_file: str = "",
        text_encoder_file: str = "",
    ) -> tuple[ModelHandle, ClipHandle, VaeHandle, Release]:
        row = find_release(release)
        if row.name != MINI_NAME:
            raise ValueError(
                f"release {release!r} cannot be loaded by this version; pick mini, or load its files with the host's "
                "own loaders and use AniSora Release with AniSora Guide"
            )
        if vae_file or text_encoder_file:
            raise ValueError(
                "vae_file and text_encoder_file: mini is one folder; name it in transformer_file"
            )
        folder = mini_folder(transformer_file)
        device = host.device()
        parts = load_mini(folder, _PRECISIONS.get(precision) or host.fast_dtype(device))
        rgb = read_card(folder).get("latent_rgb")
        vae = parts.vae.to(device)
        model = ModelHandle(parts.transformer.to(device), vae, row, torch.tensor(rgb) if rgb else None)
        return model, ClipHandle(parts.text_encoder), VaeHandle(vae), row

    @classmethod
    def IS_CHANGED(cls, transformer_file: str = "", **_: Any) -> str:
        """A folder that was trained again is loaded again: its card holds the hashes of its files."""
        return host.fingerprint([mini_folder(transformer_file) / "card.json"])


def mini_folder(transformer_file: str) -> Path:
    return Path(transformer_file).expanduser() if transformer_file else MINI_DIR


class AniSoraRelease:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Name the release of a model that another loader loaded: its keyframe grid, prompt tail and settings."
    )
    RETURN_TYPES = (RELEASE,)
    RETURN_NAMES = ("release",)
    FUNCTION = "pick"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        tip = {"default": MINI_NAME, "tooltip": "Which release the model is."}
        return {"required": {"release": (list(RELEASES), tip)}}

    def pick(self, release: str) -> tuple[Release]:
        return (find_release(release),)


def drawing_names() -> list[str]:
    return sorted(p.stem for p in DRAWINGS.glob("*.png") if not p.stem.endswith("_area"))


class AniSoraDrawing:
    CATEGORY = "AniSora"
    DESCRIPTION = "A drawing that comes with the pack, and the area of it that may move."
    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("image", "area")
    FUNCTION = "read"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "drawing": (
                    drawing_names(),
                    {"default": "wave", "tooltip": "Bundled drawings, to try the pack at once."},
                )
            }
        }

    def read(self, drawing: str) -> tuple[Tensor, Tensor]:
        image = host.read_image(DRAWINGS / f"{drawing}.png")[None]
        area = DRAWINGS / f"{drawing}_area.png"
        mask = host.read_image(area)[None, ..., 0] if area.exists() else torch.ones(image.shape[:3])
        return image, mask
