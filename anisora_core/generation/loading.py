"""A release's files into its networks, on a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoints.detect import CONFIG_KEY, identify, parts_of, read_card
from ..checkpoints.files import open_weights, shards_of
from ..checkpoints.load import load_network, read_preview_decoder
from ..checkpoints.load_encoders import load_image_encoder, load_text_encoder
from ..domain.release import Part, Release
from ..domain.weights import Weights
from ..encoders.clip import ClipImageEncoder, clip_vision
from ..encoders.t5 import T5TextEncoder, t5_encoder
from ..families import VideoTransformer, VideoVAE, family_of
from ..layers.preview_decoder import PreviewDecoder
from ..lora.read import is_lora
from ..releases import DEFAULT_RELEASE, RELEASES, find_release
from ..runtime.placement import Placement
from .components import Components, Experts

Files = Mapping[Part, Path]
ASSETS = Path(__file__).parents[1] / "assets"
WHOLE = Placement()
#: The folder of files that hold all of a model.
CHECKPOINTS = "checkpoints"


def find_files(
    release: Release, named: Mapping[Part, str], look_in: Callable[[str, str], Path | None]
) -> dict[Part, Path]:
    """What was named, found in `look_in(folder, name)`, or among checkpoints; what was not named but is there as published; and what is
    in the transformer's file.

    Of a release in one folder, that folder as its transformer. ValueError for a name that is nowhere.
    """
    if release.folder:
        name = named.get("transformer", "")
        folder = look_in("diffusion_models", name) if name else ASSETS / release.folder
        if folder is None:
            raise ValueError(f"transformer: {name!r} is not in models/diffusion_models; check the name")
        return {"transformer": folder}
    found: dict[Part, Path] = {}
    for wanted in release.files:
        asked = named.get(wanted.part, "")
        name = asked or wanted.file_name
        path = (look_in(wanted.folder, name) or look_in(CHECKPOINTS, name)) if name else None
        if path is not None:
            found[wanted.part] = path
        elif asked:
            raise ValueError(f"{wanted.part}: {asked!r} is not in models/{wanted.folder}; check the name")
    whole = found.get("transformer")
    if whole is not None and len(found) < len(release.files):
        found = dict.fromkeys(parts_inside(release, whole), whole) | found
    return found


def parts_inside(release: Release, path: Path) -> list[Part]:
    """Of a release's parts, those that a checkpoint holds; [] where it cannot be read, which is said when it is loaded."""
    family = family_of(release)
    builds: dict[Part, Sequence[object]] = {
        "vae": (family.vae,),
        "text_encoder": (t5_encoder,),
        "image_encoder": (clip_vision,),
    }
    try:
        inside = {part.kind.network.build for part in parts_of(open_weights(path))}
    except ValueError:
        return []
    return [part for part, wanted in builds.items() if inside.intersection(wanted)]


def load_release(
    release: Release,
    files: Files,
    dtype: torch.dtype,
    device: torch.device,
    *,
    tokenizer_folder: Path | None = None,
    placement: Placement = WHOLE,
) -> Components:
    """Transformer and VAE go to `device`; encoders, used once a clip, stay where they are loaded: on the CPU.

    Two experts are loaded when a clip needs them. Of a release in one folder, `files` may name another one as its transformer.
    ValueError for a part that is missing, or is of another release.
    """
    return Components(
        load_transformer(release, files, dtype, device, placement),
        load_vae(release, files, dtype, device),
        load_text(release, files, dtype, tokenizer_folder),
        load_vision(release, files, dtype),
    )


def folder_of(release: Release, files: Files) -> Path:
    """That of a release whose files lie together."""
    return files.get("transformer", ASSETS / release.folder)


def file_of(release: Release, files: Files, part: Part) -> Path:
    """ValueError saying where to get the part that is missing."""
    if release.folder:
        folder = folder_of(release, files)
        read_card(folder)  # has the configurations that shapes alone do not tell
        return folder / f"{part}.safetensors"
    if part not in files:
        wanted = next(file for file in release.files if file.part == part)
        raise ValueError(
            f"release {release.name} needs its {wanted.part.replace('_', ' ')} file: download it from {wanted.url} "
            f"({wanted.gigabytes:g} GB, {wanted.licence}), put it into the folder {wanted.folder} and enter its name"
        )
    return files[part]


def files_of_part(release: Release, files: Files, part: Part) -> list[Path]:
    """The files that it is read from, for those that have to know whether they are others now."""
    path = file_of(release, files, part)
    if not path.is_dir():
        return shards_of(path)
    own = sorted(path.glob(f"{part}*.safetensors"))
    return own or sorted(file for file in path.rglob("*") if file.is_file())


def dtype_of(release: Release, part: Part, asked: torch.dtype) -> torch.dtype:
    """Some parts are float32 whatever is asked for."""
    return torch.float32 if part in release.float32_parts else asked


def load_transformer(
    release: Release,
    files: Files,
    dtype: torch.dtype,
    device: torch.device,
    placement: Placement = WHOLE,
    **constructor: Any,
) -> VideoTransformer | Experts:
    """Two experts are loaded when they are called. `constructor`: operations and attention to build it of."""

    def load(part: Part) -> VideoTransformer:
        path = file_of(release, files, part)
        network, _ = load_network(path, dtype, (family_of(release).transformer,), **constructor)
        return placement.placed(checked(release, network, path), device)

    if release.boundary is None:
        return load("transformer")
    for part in ("high_noise", "low_noise"):
        file_of(release, files, part)  # a missing one is said before anything is loaded

    def bare(expert: str) -> VideoTransformer:
        path = file_of(release, files, "low_noise" if expert == "low" else "high_noise")
        return checked(release, bare_network(open_weights(path)), path)

    return Experts(partial(load, "high_noise"), partial(load, "low_noise"), bare)


def releases_for(path: Path) -> list[str]:
    """Releases that a transformer's file may be of, [] for other files; their tensors do not tell them apart.

    Nothing is loaded. ValueError for a file that is damaged or unknown.
    """
    weights = open_weights(path)
    if is_lora(weights):
        return []
    return fitting(bare_network(weights), is_ours=CONFIG_KEY in weights.metadata)


def bare_network(weights: Weights) -> torch.nn.Module:
    """The network that weights are of, on the meta device."""
    found = identify(weights)
    with torch.device("meta"):
        return found.kind.network.build(found.config())


def fitting(network: torch.nn.Module, *, is_ours: bool) -> list[str]:
    """Names of the releases that take it. `is_ours`: its file states its own configuration, as those of this project do."""
    rows = [row for row in RELEASES.values() if bool(row.folder) == is_ours]
    return [row.name for row in rows if takes(row, network)]


def takes(release: Release, network: torch.nn.Module) -> bool:
    """A transformer of the release's family that reads what the release gives it."""
    family = family_of(release)
    return isinstance(network, family.transformer) and family.takes(release, network)


def checked(release: Release, network: torch.nn.Module, path: Path) -> VideoTransformer:
    """ValueError naming the releases that take such a network, when `release` does not."""
    if isinstance(network, VideoTransformer) and takes(release, network):
        return network
    others = fitting(network, is_ours=False)
    raise ValueError(
        f"transformer {path.name} is not one of release {release.name}; "
        f"pick {' or '.join(others) if others else 'a transformer file'}"
    )


def load_vae(
    release: Release, files: Files, dtype: torch.dtype, device: torch.device, **constructor: Any
) -> VideoVAE:
    """ValueError for another family's."""
    path = file_of(release, files, "vae")
    network, _ = load_network(path, dtype_of(release, "vae", dtype), (family_of(release).vae,), **constructor)
    family = family_of(release)
    if (
        not isinstance(network, family.vae)
        or network.grid.pixels_per_latent != release.grid.pixels_per_latent
    ):
        raise ValueError(f"vae {path.name} is not the VAE of release {release.name}; pick {family.vae_name}")
    return family.prepared_vae(network, release).to(device)


def load_text(
    release: Release, files: Files, dtype: torch.dtype, tokenizer_folder: Path | None = None
) -> T5TextEncoder:
    """On the CPU."""
    rules = None if release.folder else family_of(release).text_rules
    path = file_of(release, files, "text_encoder")
    return load_text_encoder(path, dtype_of(release, "text_encoder", dtype), tokenizer_folder, rules)


def load_vision(release: Release, files: Files, dtype: torch.dtype) -> ClipImageEncoder | None:
    """On the CPU; None for a release that does not look at the first drawing through CLIP."""
    if not release.has_clip_vision:
        return None
    return load_image_encoder(file_of(release, files, "image_encoder"), dtype)


def load_preview(release: Release, files: Files) -> PreviewDecoder | None:
    """The tiny decoder for previews, of a release that has one."""
    if not release.has_preview_decoder:
        return None
    return read_preview_decoder(file_of(release, files, "preview"))


def latent_rgb(release: Release, files: Files) -> Tensor | None:
    """[3, channels + 1], the linear map of latents to colours that the card of a release in one folder has."""
    if not release.folder:
        return None
    return torch.tensor(read_card(folder_of(release, files))["latent_rgb"])


def load_mini(folder: Path | None = None, dtype: torch.dtype = torch.float32) -> Components:
    """The model in the pack, or one of another folder made by `anisora train mini`, on the CPU."""
    files: Files = {} if folder is None else {"transformer": folder}
    return load_release(find_release(DEFAULT_RELEASE), files, dtype, torch.device("cpu"))
