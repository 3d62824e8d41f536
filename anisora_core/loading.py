"""A release's files into its networks, on a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from .checkpoints.components import Components, Experts, Transformer, VideoVAE
from .checkpoints.encoders import load_image_encoder, load_text_encoder
from .checkpoints.load import MINI_DIR, BuiltOf, load_mini, load_network
from .models.cogvideox.transformer import CogVideoXTransformer
from .models.cogvideox.vae import CogVideoXVAE
from .models.wan.transformer import WanTransformer
from .models.wan.vae import WanVAE
from .releases import MINI_NAME, RELEASES, Part, Release

Files = Mapping[Part, Path]


def find_files(
    release: Release, named: Mapping[Part, str], look_in: Callable[[str, str], Path | None]
) -> dict[Part, Path]:
    """What was named, found in `look_in(folder, name)` or as a path; and what was not named but is there as published.

    ValueError for a name that is nowhere.
    """
    if release.name == MINI_NAME:
        name = named.get("transformer", "")
        return {"transformer": Path(name).expanduser() if name else MINI_DIR}
    found: dict[Part, Path] = {}
    for wanted in release.files:
        asked = named.get(wanted.part, "")
        name = asked or wanted.file_name
        path = look_in(wanted.folder, name) if name else None
        if path is None and asked and Path(asked).expanduser().exists():
            path = Path(asked).expanduser()
        if path is not None:
            found[wanted.part] = path
        elif asked:
            raise ValueError(f"{asked} is neither in models/{wanted.folder} nor a path; check the name")
    return found


def load_release(
    release: Release,
    files: Files,
    dtype: torch.dtype,
    device: torch.device,
    *,
    tokenizer_folder: Path | None = None,
    built_of: BuiltOf | None = None,
) -> Components:
    """Transformer and VAE go to `device`; encoders, used once a clip, stay where they are loaded: on the CPU.

    Two experts are loaded when a clip needs them. For mini `files` may name another folder as
    its transformer. ValueError for a part that is missing, or is of another release.
    """
    built_of = built_of or BuiltOf()
    if release.name == MINI_NAME:
        mini = load_mini(files.get("transformer", MINI_DIR), dtype, built_of)
        return Components(mini.transformer.to(device), mini.vae.to(device), mini.text_encoder)
    for wanted in release.files:
        if wanted.part not in files:
            raise ValueError(
                f"release {release.name} needs its {wanted.part.replace('_', ' ')}: put a file of {wanted.url} "
                f"({wanted.gigabytes:g} GB, {wanted.licence}) into the folder {wanted.folder} and name it"
            )
    image_encoder = load_image_encoder(files["image_encoder"], dtype) if release.has_clip_vision else None
    return Components(
        load_transformer(release, files, dtype, device, built_of),
        load_vae(release, files["vae"], device, built_of),
        load_text_encoder(files["text_encoder"], dtype, tokenizer_folder),
        image_encoder,
    )


def load_transformer(
    release: Release, files: Files, dtype: torch.dtype, device: torch.device, built_of: BuiltOf
) -> Transformer | Experts:
    def bring(part: Part) -> Callable[[], Transformer]:
        def load() -> Transformer:
            network, _ = load_network(files[part], dtype, **built_of.transformer)
            return checked(release, network, files[part]).to(device)

        return load

    if release.boundary is None:
        return bring("transformer")()
    return Experts(bring("high_noise"), bring("low_noise"))


def checked(release: Release, network: torch.nn.Module, path: Path) -> Transformer:
    """ValueError naming the releases that take such a network, when `release` does not."""
    if isinstance(network, Transformer) and takes(release, network):
        return network
    fitting = [row.name for row in RELEASES.values() if row.name != MINI_NAME and takes(row, network)]
    raise ValueError(
        f"transformer {path.name} is not one of release {release.name}; "
        f"pick {' or '.join(fitting) if fitting else 'a transformer file'}"
    )


def takes(release: Release, network: torch.nn.Module) -> bool:
    if isinstance(network, WanTransformer):
        return release.family == "wan" and network.config.has_image_branch == release.has_clip_vision
    return isinstance(network, CogVideoXTransformer) and release.family == "cogvideox"


def load_vae(release: Release, path: Path, device: torch.device, built_of: BuiltOf) -> VideoVAE:
    """float32, as the authors run it: keyframes keep their colours. ValueError for another family's."""
    network, _ = load_network(path, torch.float32, **built_of.vae)
    kind = WanVAE if release.family == "wan" else CogVideoXVAE
    if not isinstance(network, kind):
        raise ValueError(
            f"vae {path.name} is not the VAE of release {release.name}; pick the one of its family"
        )
    return network.to(device)
