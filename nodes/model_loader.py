"""Loaders of models and releases, and the drawings that come with the pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..anisora_core.domain.release import Part, Release
from ..anisora_core.generation.loading import CHECKPOINTS, find_files
from ..anisora_core.media.images import read_image
from ..anisora_core.releases import DEFAULT_RELEASE, RELEASES, find_release
from .host import host
from .host.protocol import Clip, ClipVision, Model, Vae
from .inputs import InputSpec, advanced, choice, of_release, text_choice, wrong_links
from .wire_types import RELEASE

#: Where the browser gets them too.
DRAWINGS = Path(__file__).parents[1] / "web" / "drawings"
FILE_INPUTS = ("transformer_file", "vae_file", "text_encoder_file", "low_noise_file", "image_encoder_file")
_PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}  # `auto` is the device's fast one


class WithModelFiles:
    """A node with the inputs `FILE_INPUTS`."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def VALIDATE_INPUTS(
        cls,
        input_types: dict[str, Any],
        transformer_file: str = "",
        vae_file: str = "",
        text_encoder_file: str = "",
        low_noise_file: str = "",
        image_encoder_file: str = "",
    ) -> bool | str:
        """Files were texts before: names that are not listed, and texts along links, are for `load` to find."""
        return wrong_links(cls.INPUT_TYPES(), input_types, FILE_INPUTS) or True


class AniSoraModelLoader(WithModelFiles):
    CATEGORY = "AniSora"
    DESCRIPTION = "Load an AniSora release: transformer, text encoder, VAE and its recommended settings."
    SEARCH_ALIASES = (
        "load model",
        "checkpoint loader",
        "anime",
        "anime video",
        "image to video",
        "动漫",
        "アニメ",
        "加载模型",
        "モデル読み込み",
    )
    RETURN_TYPES = ("MODEL", "CLIP", "VAE", RELEASE, "CLIP_VISION", "MODEL")
    RETURN_NAMES = ("model", "clip", "vae", "release", "clip_vision", "low_noise_model")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        def file(kind: tuple[Part, ...], part: str, folder: str, more: str = "") -> InputSpec:
            tip = f"{part} in models/{folder}. Empty: the release's default file, if it has one.{more}"
            names = text_choice(file_names(folder), tip)
            return of_release(
                names, lambda row: next((f.file_name for f in row.files if f.part in kind), None)
            )

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
                    ("transformer", "high_noise"),
                    "Transformer",
                    "diffusion_models",
                    " V3.2: the high noise one. mini: a folder made by `anisora train mini`.",
                ),
                "vae_file": advanced(file(("vae",), "VAE", "vae")),
                "text_encoder_file": advanced(file(("text_encoder",), "Text encoder", "text_encoders")),
                "low_noise_file": advanced(
                    file(("low_noise",), "V3.2's low noise transformer", "diffusion_models")
                ),
                "image_encoder_file": advanced(
                    file(("image_encoder",), "CLIP ViT-H of V2, V3 and anymask", "clip_vision")
                ),
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


def file_names(folder: str) -> list[str]:
    """To choose from: files of that folder and of models/checkpoints, which may hold several parts; a model in a folder of its
    own, with a card, is the folder."""
    found: dict[str, None] = {}
    for name in (name for place in (folder, CHECKPOINTS) for name in host.model_names(place)):
        parent = name.replace("\\", "/").rpartition("/")[0]
        card = host.model_file(folder, f"{parent}/card.json") if parent else None
        found[name if card is None else parent] = None
    return list(found)


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
    # A choice may hold a number, in a workflow written by hand; of a text the host makes a text itself.
    texts: dict[Part, str] = {part: str(name) for part, name in named.items()}
    return find_files(release, texts, host.model_file)


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
