"""A release's files into its networks, on a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.detect import CONFIG_KEY, identify
from ..checkpoints.files import open_weights
from ..checkpoints.load import MINI_DIR, load_mini_network, load_network
from ..checkpoints.load_encoders import load_image_encoder, load_text_encoder
from ..encoders.clip import ClipImageEncoder
from ..encoders.t5 import V1_TEXT, WAN_TEXT, T5TextEncoder
from ..families.cogvideox.transformer import CogVideoXTransformer
from ..families.cogvideox.vae import CogVideoXVAE
from ..families.wan.transformer import WanTransformer
from ..families.wan.vae import WanVAE
from ..lora.read import is_lora
from ..releases import MINI_NAME, RELEASES, Part, Release
from .components import Components, Experts, Mini, Transformer, VideoVAE

Files = Mapping[Part, Path]


def find_files(
    release: Release, named: Mapping[Part, str], look_in: Callable[[str, str], Path | None]
) -> dict[Part, Path]:
    """What was named, found in `look_in(folder, name)`; and what was not named but is there as published.

    ValueError for a name that is nowhere.
    """
    if release.name == MINI_NAME:
        name = named.get("transformer", "")
        folder = look_in("diffusion_models", name) if name else MINI_DIR
        if folder is None:
            raise ValueError(f"transformer: {name!r} is not in models/diffusion_models; check the name")
        return {"transformer": folder}
    found: dict[Part, Path] = {}
    for wanted in release.files:
        asked = named.get(wanted.part, "")
        name = asked or wanted.file_name
        path = look_in(wanted.folder, name) if name else None
        if path is not None:
            found[wanted.part] = path
        elif asked:
            raise ValueError(f"{wanted.part}: {asked!r} is not in models/{wanted.folder}; check the name")
    return found


def load_release(
    release: Release,
    files: Files,
    dtype: torch.dtype,
    device: torch.device,
    *,
    tokenizer_folder: Path | None = None,
) -> Components:
    """Transformer and VAE go to `device`; encoders, used once a clip, stay where they are loaded: on the CPU.

    Two experts are loaded when a clip needs them. For mini `files` may name another folder as
    its transformer. ValueError for a part that is missing, or is of another release.
    """
    return Components(
        load_transformer(release, files, dtype, device),
        load_vae(release, files, dtype, device),
        load_text(release, files, dtype, tokenizer_folder),
        load_vision(release, files, dtype),
    )


def file_of(release: Release, files: Files, part: Part) -> Path:
    """ValueError saying where to get the part that is missing."""
    if release.name == MINI_NAME:
        return files.get("transformer", MINI_DIR)
    if part not in files:
        wanted = next(file for file in release.files if file.part == part)
        raise ValueError(
            f"release {release.name} needs its {wanted.part.replace('_', ' ')}: put a file of {wanted.url} "
            f"({wanted.gigabytes:g} GB, {wanted.licence}) into the folder {wanted.folder} and name it"
        )
    return files[part]


def files_of_part(release: Release, files: Files, part: Part) -> list[Path]:
    """The files that it is read from, for those that have to know whether they are others now."""
    path = file_of(release, files, part)
    if not path.is_dir():
        return [path]
    own = sorted(path.glob(f"{part}*.safetensors"))
    return own or sorted(file for file in path.rglob("*") if file.is_file())


def load_transformer(
    release: Release, files: Files, dtype: torch.dtype, device: torch.device, **constructor: Any
) -> Transformer | Experts:
    """Two experts come when they are called. `constructor`: operations and attention to build it of."""

    def bring(part: Part) -> Callable[[], Transformer]:
        path = file_of(release, files, part)

        def load() -> Transformer:
            if release.name == MINI_NAME:
                return load_mini_network(path, "transformer", dtype, **constructor).to(device)
            network, _ = load_network(path, dtype, **constructor)
            return checked(release, network, path).to(device)

        return load

    if release.boundary is None:
        return bring("transformer")()
    return Experts(bring("high_noise"), bring("low_noise"))


def releases_for(path: Path) -> list[str]:
    """Releases that a transformer's file may be of, [] for what is none; their tensors do not tell them apart.

    Nothing is loaded. ValueError for a file that is damaged or unknown.
    """
    weights = open_weights(path)
    if CONFIG_KEY in weights.metadata:
        return [MINI_NAME]
    if is_lora(weights):
        return []
    found = identify(weights)
    if found.family.network is None:
        return []
    with torch.device("meta"):
        network = found.family.network.build(found.config())
    return published_for(network)


def published_for(network: torch.nn.Module) -> list[str]:
    return [row.name for row in RELEASES.values() if row.name != MINI_NAME and takes(row, network)]


def checked(release: Release, network: torch.nn.Module, path: Path) -> Transformer:
    """ValueError naming the releases that take such a network, when `release` does not."""
    if isinstance(network, Transformer) and takes(release, network):
        return network
    fitting = published_for(network)
    raise ValueError(
        f"transformer {path.name} is not one of release {release.name}; "
        f"pick {' or '.join(fitting) if fitting else 'a transformer file'}"
    )


def takes(release: Release, network: torch.nn.Module) -> bool:
    """A network of its family that reads noise, a guide and, Wan's, a mask: text-to-video models read noise only."""
    if isinstance(network, WanTransformer):
        config = network.config
        reads = config.in_channels == 2 * config.out_channels + release.grid.frames_per_latent
        return release.family == "wan" and reads and config.has_image_branch == release.has_clip_vision
    if not isinstance(network, CogVideoXTransformer):
        return False
    return release.family == "cogvideox" and network.config.in_channels == 2 * network.config.out_channels


def load_vae(
    release: Release, files: Files, dtype: torch.dtype, device: torch.device, **constructor: Any
) -> VideoVAE:
    """Of the published releases float32, as the authors run it: keyframes keep their colours.

    ValueError for another family's.
    """
    path = file_of(release, files, "vae")
    if release.name == MINI_NAME:
        return load_mini_network(path, "vae", dtype, **constructor).to(device)
    network, _ = load_network(path, torch.float32, **constructor)
    kind = WanVAE if release.family == "wan" else CogVideoXVAE
    if not isinstance(network, kind) or network.grid.pixels_per_latent != release.grid.pixels_per_latent:
        raise ValueError(
            f"vae {path.name} is not the VAE of release {release.name}; pick Wan 2.1's for Wan, V3.2 included, "
            "and CogVideoX's for V1"
        )
    if isinstance(network, CogVideoXVAE) and release.decodes_whole:
        network.config = replace(network.config, latents_per_run=None)
    return network.to(device)


def load_text(
    release: Release, files: Files, dtype: torch.dtype, tokenizer_folder: Path | None = None
) -> T5TextEncoder:
    """On the CPU; mini's small one float32."""
    path = file_of(release, files, "text_encoder")
    if release.name == MINI_NAME:
        return load_mini_network(path, "text_encoder", torch.float32)
    rules = WAN_TEXT if release.family == "wan" else V1_TEXT
    return load_text_encoder(path, dtype, tokenizer_folder, rules)


def load_vision(release: Release, files: Files, dtype: torch.dtype) -> ClipImageEncoder | None:
    """On the CPU; None for a release that does not look at the first drawing through CLIP."""
    if not release.has_clip_vision:
        return None
    return load_image_encoder(file_of(release, files, "image_encoder"), dtype)


def load_mini(folder: Path = MINI_DIR, dtype: torch.dtype = torch.float32) -> Mini:
    """All of them, as `dtype`; the small text encoder float32."""
    return Mini(
        load_mini_network(folder, "transformer", dtype),
        load_mini_network(folder, "vae", dtype),
        load_mini_network(folder, "text_encoder", torch.float32),
    )
