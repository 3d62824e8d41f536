"""A folder of drawings into a LoRA of their style."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from ..anisora_core.data.training_folder import files_under
from ..anisora_core.media.images import read_image
from ..anisora_core.releases import find_release
from ..anisora_core.training.lora.option_field import check
from ..anisora_core.training.lora.presets import PRESETS, PRESETS_TIP
from ..anisora_core.training.lora.recipe import OPTIONS, LoraRecipe, find_option, preset
from .host import host
from .inputs import advanced, choice, text
from .model_loader import FILE_INPUTS, AniSoraModelLoader, WithModelFiles, files_of

#: The value of `images` for the drawings that come with the pack.
BUNDLED, BUNDLED_FOLDER = "bundled drawings", Path(__file__).parent / "illustrations"
_NUMBERS = {int: "INT", float: "FLOAT"}


class AniSoraLoraTrainer(WithModelFiles):
    CATEGORY = "AniSora"
    DESCRIPTION = "Train a LoRA of a style from a folder of drawings. Interrupting saves; Run continues where it stopped."
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
        images = f"{OPTIONS['images'].tip} A path, or a name inside the input folder; {BUNDLED}: those that come with the pack, to try it."
        presets = {"default": next(iter(PRESETS)), "tooltip": PRESETS_TIP}
        name, release = OPTIONS["name"], OPTIONS["release"]
        rest = "All other options, one `name = value` per line, as in `anisora train lora --help`."
        return {
            "required": {
                "images": text(BUNDLED, images),
                "name": text(name.default, name.tip),
                "release": choice(loader["required"]["release"][0], release.default, release.tip),
                "preset": (list(PRESETS), presets),
                "trigger": text("", OPTIONS["trigger"].tip),
            },
            "optional": {
                "steps": of_preset("steps"),
                "rank": advanced(of_preset("rank")),
                "learning_rate": advanced(of_preset("learning_rate", step=0.000001, round=False)),
                "seed": advanced(number("seed", OPTIONS["seed"].tip, control_after_generate=False)),
                "sample_prompts": text("", OPTIONS["sample_prompts"].tip, multiline=True),
                "options": advanced(text("", rest, multiline=True)),
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
        try:
            from .training_service.follow import train_apart

            made = train_apart(recipe, files, contents(folder))
        except ModuleNotFoundError as error:
            raise ValueError(f"training needs the package {error.name}; pip install {error.name}") from None
        # read, not mapped: Windows does not let a later training replace a mapped file
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


def number(name: str, tip: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """The input of a recipe's number, from 0 to its limit."""
    one = OPTIONS[name]
    return (_NUMBERS[one.kind], {"default": one.kind(0), "min": 0, "max": one.high, "tooltip": tip, **more})


def of_preset(name: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return number(name, f"{OPTIONS[name].tip} 0: the preset's.", **more)


def folder_of(images: str) -> Path:
    """ValueError when there is no such folder. Quotes around it, as Windows copies paths, are allowed."""
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


def recipe_of(preset_name: str, chosen: dict[str, Any], options: str) -> LoraRecipe:
    """The preset with what was chosen; 0 and "" are the preset's. ValueError names the input, or the line of `options`."""
    values = {key: value for key, value in chosen.items() if value or key == "name"}
    for number, line in enumerate(options.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            key, value = option_in(line, chosen)
            values[key] = value
        except ValueError as error:
            raise ValueError(f"options, line {number}: {error}") from None
    return preset(preset_name).changed(**values)


def option_in(line: str, inputs: Collection[str]) -> tuple[str, Any]:
    """The option and value of a line; names of earlier versions are read. ValueError for an unknown name, one of `inputs`, or a
    wrong value."""
    key, text = parsed(line)
    try:
        one = find_option(key)
    except ValueError:
        others = ", ".join(sorted(OPTIONS.keys() - set(inputs)))
        raise ValueError(f"{key[:80]!r} is not an option; use one of {others}") from None
    if one.name in inputs:
        raise ValueError(f"{key} has an input of its own; remove the line")
    value = typed(key, text, one.kind)
    check(one, value, key)
    return one.name, value


def parsed(line: str) -> tuple[str, str]:
    """(name, value) of `name = value`; names may be written as the shell has them."""
    key, equals, text = (part.strip() for part in line.partition("="))
    if not equals:
        raise ValueError(f"write {line.strip()[:80]!r} as name = value")
    return key.removeprefix("--").replace("-", "_"), text


def typed(key: str, text: str, kind: type) -> Any:
    """ValueError for text that is not of that type."""
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        wanted = "true or false" if kind is bool else {int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"{key} {text[:80]!r} must be {wanted}") from None


def picture_of(sheet: Path | None) -> Tensor:
    """IMAGE of the samples; a small black one where none were made."""
    return torch.zeros(1, 64, 64, 3) if sheet is None else read_image(sheet)[None]
