"""`anisora doctor`: one page about this installation, to paste into a bug report."""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ..anisora_core.checkpoints.files import ENDINGS
from ..anisora_core.checkpoints.load import describe
from ..anisora_core.domain.conditions import Timeline
from ..anisora_core.domain.release import Release
from ..anisora_core.generation.loading import find_files, load_mini
from ..anisora_core.generation.pipeline import Frames, Request, make_clip
from ..anisora_core.media.tensors import to_bytes
from ..anisora_core.releases import DEFAULT_RELEASE, RELEASES, find_release
from ..nodes.host.standalone import device, models_folder
from .output import add_json_option, print_facts

PACK = Path(__file__).parents[1]
PACKAGES = ("torch", "safetensors", "einops", "numpy", "pillow", "opencv-python-headless", "av", "transformers", "tokenizers",
            "accelerate", "gguf")  # fmt: skip
FOLDERS = ("diffusion_models", "checkpoints", "vae", "text_encoders", "clip_vision", "loras")
CODECS, PICTURES = ("libx264", "h264"), ("webp", "avif", "jpg_2000", "freetype2")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora doctor",
        description="Print versions, devices, the models found and what each release lacks, and make a clip of 5 frames with mini. "
        "One page for a bug report; the home folder is written as ~.",
    )
    add_json_option(root)
    return root


def main(arguments: Sequence[str]) -> int:
    """1 when mini cannot make a clip."""
    options = parser().parse_args(arguments)
    host = comfyui_folder()
    models = models_folder()
    if host is not None and not models.is_dir():
        models = host / "models"
    facts: dict[str, Any] = {
        "versions": versions(),
        "system": f"{platform.platform()}, Python {platform.python_version()}",
        "ComfyUI": f"{host}, version {comfyui_version(host)}"
        if host
        else "not found; COMFYUI_PATH can name it",
        "devices": devices(),
        "codecs and fonts": codecs(),
        "models folder": str(models)
        if models.is_dir()
        else f"{models} is not there; ANISORA_MODELS can name it",
        "model files": list(files_in(models)),
        "releases": [of_release(release, models) for release in RELEASES.values()],
    }
    clip, made = attempt(render)
    print_facts(without_home({**facts, "mini": clip}), options)
    return 0 if made else 1


def attempt(what: Callable[[], str]) -> tuple[str, bool]:
    """What it says, and True; of any failure one line, and False: a report must not end with what it reports."""
    try:
        return what(), True
    except Exception as error:
        return f"failed, {type(error).__name__}: {' '.join(str(error).split())}", False


def without_home(value: Any) -> Any:
    home = str(Path.home())
    if isinstance(value, Mapping):
        return {key: without_home(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [without_home(inside) for inside in value]
    return value.replace(home, "~") if len(home) > 1 else value  # not where it is the root


def versions() -> list[str]:
    def version(package: str) -> str:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return "not installed"

    return [f"{name} {version(name)}" for name in ("anisora-keyframes", *PACKAGES)]


def comfyui_folder() -> Path | None:
    """COMFYUI_PATH, or that whose custom_nodes the pack lies in."""
    places = [Path(os.environ.get("COMFYUI_PATH", "")), *PACK.parents[1:2]]
    return next((place for place in places if (place / "comfy" / "model_management.py").is_file()), None)


def comfyui_version(host: Path) -> str:
    file = host / "comfyui_version.py"
    text = file.read_text("utf-8", "replace") if file.is_file() else ""
    return text.rpartition("=")[2].strip().strip("\"'") or "unknown"


def devices() -> list[str]:
    found = [f"CPU {platform.machine()}, {os.cpu_count()} cores, torch uses {torch.get_num_threads()}"]
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        found.append(f"{card.name}, {card.total_memory / 1e9:.1f} GB, CUDA {torch.version.cuda}")
    return [*found, f"used: {device()}"]


def codecs() -> list[str]:
    import av
    from PIL import features

    videos = [f"video {name}: {'yes' if name in av.codecs_available else 'no'}" for name in CODECS]
    return videos + [f"Pillow {name}: {'yes' if features.check(name) else 'no'}" for name in PICTURES]


def files_in(models: Path) -> Iterator[str]:
    """Weights under any name, with their size and what they are."""
    for folder in FOLDERS:
        for path in sorted((models / folder).rglob("*")):
            if path.suffix.lower() in ENDINGS and path.is_file():
                fit, _ = attempt(lambda path=path: "{family}, {fit}".format(**describe(path)))
                yield f"{path.relative_to(models).as_posix()}, {path.stat().st_size / 1e9:.2f} GB: {fit}"


def of_release(release: Release, models: Path) -> str:
    """Its files that are in the models folder under their published names, and the parts that are missing there."""
    if release.folder:
        return f"{release.name}: in the pack"

    def look_in(folder: str, name: str) -> Path | None:
        path = models / folder / name
        return path if os.path.exists(path) else None

    found = find_files(release, {}, look_in)
    lacks = [file.part.replace("_", " ") for file in release.files if file.part not in found]
    has = [f"has {', '.join(path.name for path in found.values())}"] if found else []
    return f"{release.name}: " + "; ".join(has + ([f"lacks {', '.join(lacks)}"] if lacks else ["complete"]))


def render() -> str:
    """5 frames in one step on the CPU; their mean tells rounding, which changes the hash alone, from a fault."""
    since = time.monotonic()
    release = find_release(DEFAULT_RELEASE)
    request = Request(
        Timeline(5, release.fps, release.size[1], release.size[0]), prompt="girl walks left", steps=1, seed=0
    )
    runs = [
        event.frames_FHWC for event in make_clip(load_mini(), release, request) if isinstance(event, Frames)
    ]
    pixels = to_bytes(torch.cat(runs))
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    seconds = time.monotonic() - since
    return (
        f"{len(pixels)} frames in one step, hash {digest}, mean {pixels.mean():.2f} of 255, {seconds:.1f} s"
    )
