"""A trained mini as files: safetensors of 8-bit weights, and a card that says how to make them again."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save
from torch import nn

from ..checkpoints.detect import CARD, CONFIG_KEY
from ..checkpoints.renamed import held
from ..checkpoints.save import shards_for
from ..domain.atomic_write import write_beside
from ..domain.weights import Weights
from ..families.wan.vae import WanVAE
from ..layers.preview_decoder import PreviewDecoder
from .text_to_video import TextToVideo

if TYPE_CHECKING:
    from .recipes.mini_recipe import MiniRecipe


SHARD_BYTES = 19_000_000  # hosting limits files at 20 MB


def export_mini(
    vae: WanVAE,
    model: TextToVideo,
    preview: PreviewDecoder,
    recipe: MiniRecipe,
    run_folder: Path,
    folder: Path,
    latent_rgb: list[list[float]],
) -> None:
    """Write {transformer,vae,text_encoder,preview}.safetensors and card.json into `folder`, each whole or not at all."""
    networks: dict[str, nn.Module] = {
        "transformer": model.transformer,
        "vae": vae,
        "text_encoder": model.text_encoder,
        "preview": preview,
    }
    configs: dict[str, Any] = {
        "transformer": asdict(recipe.transformer),
        "vae": asdict(vae.config),
        "text_encoder": asdict(recipe.text),
    }
    card: dict[str, Any] = {
        **configs,
        "recipe": asdict(recipe),
        "commit": commit(),
        "data": data_hash(),
        "stages": stage_logs(run_folder),
        "sha256": {},
        "parameters": {},
    }
    for name, network in networks.items():
        parameters = dict(network.named_parameters())  # T5 ties its embedding to itself: named once here
        tensors = eight_bits({name: value.detach().cpu() for name, value in parameters.items()})
        # the only part that other tools read apart from its folder
        stated = {CONFIG_KEY: json.dumps(configs[name])} if name == "transformer" else None
        card["parameters"][name] = sum(value.numel() for value in parameters.values())
        whole = folder / f"{name}.safetensors"
        entries = Weights(whole, {key: held(value) for key, value in tensors.items()})
        for path, names in shards_for(whole, entries, SHARD_BYTES).items():
            with write_beside(path) as part:
                part.write_bytes(save({key: tensors[key] for key in names}, metadata=stated))
            card["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    card["latent_rgb"] = latent_rgb
    with write_beside(folder / CARD) as part:
        part.write_text(json.dumps(card, indent=1) + "\n")


def eight_bits(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights of layers as int8 with a scale for each row beside them (`weight_scale`), which readers multiply; all else as float16.

    A row's largest weight is 127 of its scale, so no weight is off by more than 1/254 of that.
    """
    kept: dict[str, torch.Tensor] = {}
    for name, value in tensors.items():
        if value.ndim < 2 or not name.endswith(".weight"):
            kept[name] = value.half().contiguous()
            continue
        scale = value.float().abs().amax(dim=tuple(range(1, value.ndim)), keepdim=True).clamp_min(1e-12) / 127
        kept[name] = (value.float() / scale).round().to(torch.int8).contiguous()
        kept[f"{name}_scale"] = scale
    return kept


def stage_logs(run_folder: Path) -> dict[str, Any]:
    """The last line of each stage's log: how far it got."""
    logs = sorted(run_folder.glob("*/loss.jsonl"))
    return {path.parent.name: json.loads(path.read_text().splitlines()[-1]) for path in logs}


def commit() -> str:
    """The commit the code stands on, or "unknown" outside a checkout."""
    here = Path(__file__).parent
    result = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    return result.stdout.strip() or "unknown"


def data_hash() -> str:
    """sha256 over the renderers' sources and art: the data are a function of them, the library of drawings and the seed."""
    digest = hashlib.sha256()
    rooms = [Path(__file__).parent.parent / "data" / name for name in ("cartoons", "drawings")]
    for path in sorted(path for room in rooms for path in room.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
