"""A folder of drawings into a LoRA of their style."""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load
from torch import Tensor

from ..anisora_core.data.training_folder import files_under
from ..anisora_core.releases import DEFAULT_RELEASE, find_release
from . import host
from .loaders import FILE_INPUTS, AniSoraModelLoader, files_of

if TYPE_CHECKING:
    from ..anisora_core.training.lora.recipe import Recipe

#: What `images` is for the drawings that come with the pack.
BUNDLED, BUNDLED_FOLDER = "bundled drawings", Path(__file__).parent / "illustrations"
#: The names of core's presets, here without importing a trainer.
PRESET_NAMES = ("quick look", "normal", "thorough", "motion area")


class AniSoraLoraTrainer:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Train a LoRA of a style from a folder of drawings. Interrupting saves; Run goes on where it stopped."
    )
    SEARCH_ALIASES = (
        "train LoRA",
        "style training",
        "fine-tune",
        "dataset",
        "训练",
        "画风",
        "炼丹",
        "学習",
        "画風",
        "トレーニング",
    )
    RETURN_TYPES = ("LORA_MODEL", "LOSS_MAP", "IMAGE", "STRING", "LORA_MODEL")
    RETURN_NAMES = ("lora", "loss", "samples", "path", "low_noise_lora")
    FUNCTION = "train"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        loader = AniSoraModelLoader.INPUT_TYPES()
        return {
            "required": {
                "images": (
                    "STRING",
                    {
                        "default": BUNDLED,
                        "tooltip": "Folder of 20 to 300 drawings, and clips if there are any, with captions in .txt files beside them. "
                        f"A path, or a name inside the input folder; {BUNDLED}: those that come with the pack, to try it.",
                    },
                ),
                "name": ("STRING", {"default": "my_style", "tooltip": "Name of the LoRA in models/loras."}),
                "release": (
                    loader["required"]["release"][0],
                    {"default": DEFAULT_RELEASE, "tooltip": "What the LoRA is for."},
                ),
                "preset": (
                    list(PRESET_NAMES),
                    {
                        "default": PRESET_NAMES[0],
                        "tooltip": "quick look: minutes on mini, does the style take? normal: for use. thorough: long, for large folders. "
                        "motion area: from clips, so that only what a mask covers moves.",
                    },
                ),
                "trigger": (
                    "STRING",
                    {"default": "", "tooltip": "Words that call the style; they go before every caption."},
                ),
            },
            "optional": {
                "steps": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 100_000,
                        "tooltip": "Steps of training; 0: the preset's.",
                    },
                ),
                "rank": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 1024,
                        "tooltip": "Size of the LoRA: more hold more, of your drawings too; 0: the preset's.",
                    },
                ),
                "learning_rate": (
                    "FLOAT",
                    {
                        "default": 0.0,
                        "min": 0.0,
                        "max": 10.0,
                        "step": 0.000001,
                        "round": False,
                        "tooltip": "Size of a step; 0: the preset's.",
                    },
                ),
                "seed": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 0xFFFFFFFF,
                        "control_after_generate": False,
                        "tooltip": "Same seed, same LoRA.",
                    },
                ),
                "sample_prompts": (
                    "STRING",
                    {
                        "default": "",
                        "multiline": True,
                        "tooltip": "One prompt a line for the sample clips; empty: some of the captions.",
                    },
                ),
                "options": (
                    "STRING",
                    {
                        "default": "",
                        "multiline": True,
                        "tooltip": "All else: one `name = value` a line, any option of `anisora train lora --help`.",
                    },
                ),
                **{name: loader["optional"][name] for name in FILE_INPUTS},
            },
        }

    def train(
        self,
        images: str,
        name: str,
        release: str,
        preset: str,
        trigger: str,
        steps: int = 0,
        rank: int = 0,
        learning_rate: float = 0.0,
        seed: int = 0,
        sample_prompts: str = "",
        options: str = "",
        transformer_file: str = "",
        vae_file: str = "",
        text_encoder_file: str = "",
        low_noise_file: str = "",
        image_encoder_file: str = "",
    ) -> dict[str, Any]:
        folder = folder_of(images)
        chosen = {
            "images": str(folder),
            "name": name,
            "release": release,
            "trigger": trigger,
            "steps": steps,
            "rank": rank,
            "learning_rate": learning_rate,
            "seed": seed,
            "sample_prompts": sample_prompts,
        }
        recipe = recipe_of(preset, chosen, options)
        named = (transformer_file, vae_file, text_encoder_file, low_noise_file, image_encoder_file)
        files = files_of(find_release(release), *named)
        made = host.train_apart(recipe, files, contents(folder))
        # read, not mapped: Windows would not let a later training replace a file that is
        loras = [load(path.read_bytes()) for path in made.paths]
        outputs = (
            loras[0],
            {"loss": list(made.losses)},
            picture_of(made.sheet),
            "\n".join(str(path) for path in made.paths),
            loras[1] if len(loras) > 1 else None,
        )
        return {"ui": {"anisora_training": [made.message]}, "result": outputs}

    @classmethod
    def IS_CHANGED(cls, images: str = BUNDLED, **_: Any) -> str:
        """Drawings or captions that changed are trained on again."""
        try:
            return contents(folder_of(images))
        except ValueError as error:
            return str(error)  # `train` raises it


def folder_of(images: str) -> Path:
    """ValueError when it is none. Quotes around it, as Windows copies paths, are fine."""
    said = images.strip().strip('"').strip()
    if said == BUNDLED:
        return BUNDLED_FOLDER
    if not said:
        raise ValueError("images is empty; give the folder of drawings")
    path = os.path.expanduser(said)
    try:
        folder = path if os.path.isabs(path) else str(host.input_file(path))
    except ValueError:  # it leads out of the host's folders
        folder = ""
    if not os.path.isdir(folder):
        raise ValueError(
            f"images: there is no folder {said[:200]!r}; give its whole path, or its name in the input folder"
        )
    return Path(os.path.abspath(folder))


def contents(folder: Path) -> str:
    """Changes when a file that training would look at does, by name, size or time."""
    digest = hashlib.sha256()
    for path in sorted(files_under(folder, [])):
        stat = path.stat() if path.exists() else path.lstat()  # a link may lead nowhere
        said = f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}\n"
        digest.update(said.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def recipe_of(preset: str, chosen: dict[str, Any], options: str) -> Recipe:
    """The preset with what was chosen; 0 and "" are the preset's. ValueError names the input, or the line of `options`."""
    try:
        from ..anisora_core.training.lora.recipe import PRESETS, check
    except ModuleNotFoundError as error:
        raise ValueError(f"training needs the package {error.name}; pip install {error.name}") from None
    known = {one.name: one for one in fields(PRESETS[preset])}
    told = {key: value for key, value in chosen.items() if value or key == "name"}
    for number, line in enumerate(options.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            key, text = parsed(line)
            if key in chosen:
                raise ValueError(f"{key} has an input of its own; remove the line")
            if key not in known:
                others = ", ".join(sorted(known.keys() - chosen.keys()))
                raise ValueError(f"{key[:80]!r} is no option; use one of {others}")
            told[key] = typed(key, text, type(known[key].default))
            check(known[key], told[key])
        except ValueError as error:
            raise ValueError(f"options, line {number}: {error}") from None
    return replace(PRESETS[preset], **told)


def parsed(line: str) -> tuple[str, str]:
    """(name, value) of `name = value`; names may be written as the shell has them."""
    key, equals, text = (part.strip() for part in line.partition("="))
    if not equals:
        raise ValueError(f"write {line.strip()[:80]!r} as name = value")
    return key.removeprefix("--").replace("-", "_"), text


def typed(key: str, text: str, kind: type) -> Any:
    """ValueError for text that is no such value."""
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        wanted = "true or false" if kind is bool else {int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"{key} {text[:80]!r} must be {wanted}") from None


def picture_of(sheet: Path | None) -> Tensor:
    """IMAGE of the samples; a small black one where none were made."""
    return torch.zeros(1, 64, 64, 3) if sheet is None else host.read_image(sheet)[None]
