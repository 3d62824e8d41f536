"""Loaders of models and releases, and the drawings that come with the pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..anisora_core.domain.release import Part, Release
from ..anisora_core.generation.loading import find_files
from ..anisora_core.media.images import read_image
from ..anisora_core.releases import DEFAULT_RELEASE, RELEASES, find_release
from .host import host
from .host.protocol import Clip, ClipVision, Model, Vae
from .inputs import choice, text
from .wire_types import RELEASE

#: Where the browser gets them too.
DRAWINGS = Path(__file__).parents[1] / "web" / "drawings"
FILE_INPUTS = ("transformer_file", "vae_file", "text_encoder_file", "low_noise_file", "image_encoder_file")
_PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}  # `auto` is the device's fast one


class AniSoraModelLoader:
    CATEGORY = "AniSora"
    DESCRIPTION = "Load an AniSora release: transformer, text encoder, VAE and its recommended settings."
    SEARCH_ALIASES = ("load model", "checkpoint loader", "anime video", "加载模型", "モデル読み込み")
    RETURN_TYPES = ("MODEL", "CLIP", "VAE", RELEASE, "CLIP_VISION", "MODEL")
    RETURN_NAMES = ("model", "clip", "vae", "release", "clip_vision", "low_noise_model")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        def file(part: str, folder: str, more: str = "") -> tuple[str, dict[str, Any]]:
            tip = f"{part} in models/{folder}. Empty: the release's default file, if it has one.{more}"
            return text("", tip)

        return {
            "required": {
                "release": choice(
                    RELEASES,
                    DEFAULT_RELEASE,
                    "The version of AniSora to load. mini comes with the pack and runs on a CPU.",
                ),
                "precision": choice(
                    ["auto", *_PRECISIONS],
                    "auto",
                    "auto: bfloat16 where the device computes it in hardware (half the memory), else float32.",
                ),
            },
            "optional": {
                "transformer_file": file(
                    "Transformer",
                    "diffusion_models",
                    " V3.2: the high noise one. mini: a folder made by `anisora train mini`.",
                ),
                "vae_file": file("VAE", "vae"),
                "text_encoder_file": file("Text encoder", "text_encoders"),
                "low_noise_file": file("V3.2's low noise transformer", "diffusion_models"),
                "image_encoder_file": file("CLIP ViT-H of V2, V3 and anymask", "clip_vision"),
            },
        }

    def load(
        self,
        release: str,
        precision: str,
        transformer_file: str = "",
        vae_file: str = "",
        text_encoder_file: str = "",
        low_noise_file: str = "",
        image_encoder_file: str = "",
    ) -> tuple[Model, Clip, Vae, Release, ClipVision | None, Model | None]:
        row = find_release(release)
        named = (transformer_file, vae_file, text_encoder_file, low_noise_file, image_encoder_file)
        files = files_of(row, *named)
        made = host.load(row, files, _PRECISIONS.get(precision))
        return made.model, made.clip, made.vae, row, made.clip_vision, made.low_noise_model

    @classmethod
    def IS_CHANGED(cls, release: str = DEFAULT_RELEASE, precision: str = "", **named: str) -> str:
        """A file that was written again is loaded again. Mini's card holds the hashes of its files."""
        try:
            files = files_of(find_release(release), *(named.get(name, "") for name in FILE_INPUTS))
        except ValueError as error:
            return str(error)  # `load` raises it
        stats = [(str(path), path.stat()) for path in (card_or_file(path) for path in files.values())]
        return str([(path, stat.st_mtime_ns, stat.st_size) for path, stat in stats])


def card_or_file(path: Path) -> Path:
    return path / "card.json" if (path / "card.json").is_file() else path


def files_of(
    release: Release, transformer: str, vae: str, text_encoder: str, low_noise: str, image_encoder: str
) -> dict[Part, Path]:
    for name, file in (("vae_file", vae), ("text_encoder_file", text_encoder)):
        if release.folder and file:
            raise ValueError(f"{name}: {release.name} is one folder; enter it in transformer_file")
    named: dict[Part, str] = {
        "transformer": transformer,
        "high_noise": transformer,
        "low_noise": low_noise,
        "vae": vae,
        "text_encoder": text_encoder,
        "image_encoder": image_encoder,
    }
    return find_files(release, named, host.model_file)


class AniSoraRelease:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Set the release of a model that another loader loaded: its keyframe grid, the text added to "
        "prompts, and its default settings."
    )
    SEARCH_ALIASES = ("model version", "GGUF", "模型版本", "モデルのバージョン")
    RETURN_TYPES = (RELEASE,)
    RETURN_NAMES = ("release",)
    FUNCTION = "pick"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        tip = {"default": DEFAULT_RELEASE, "tooltip": "Which release the model is."}
        return {"required": {"release": (list(RELEASES), tip)}}

    def pick(self, release: str) -> tuple[Release]:
        return (find_release(release),)


def drawing_names() -> list[str]:
    return sorted(p.stem for p in DRAWINGS.glob("*.png") if not p.stem.endswith("_area"))


class AniSoraDrawing:
    CATEGORY = "AniSora"
    DESCRIPTION = "A drawing that comes with the pack, and a mask of what may move in it."
    SEARCH_ALIASES = ("example drawing", "sample image", "示例图", "画稿", "サンプル画像", "原画")
    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("image", "area")
    FUNCTION = "read"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "drawing": choice(
                    drawing_names(), "wave", "Drawings that come with the pack, for trying it at once."
                )
            }
        }

    def read(self, drawing: str) -> tuple[Tensor, Tensor]:
        image = read_image(DRAWINGS / f"{drawing}.png")[None]
        area = DRAWINGS / f"{drawing}_area.png"
        mask = read_image(area)[None, ..., 0] if area.exists() else torch.ones(image.shape[:3])
        return image, mask
