"""Weights into networks: built on `meta`, then the file's tensors assigned, so memory holds them once."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..models.text import ByteTextEncoder, TextConfig
from ..models.wan.config import WanConfig, WanVAEConfig
from ..models.wan.transformer import WanTransformer
from ..models.wan.vae import WanVAE

log = logging.getLogger(__name__)
MINI_DIR = Path(__file__).parent.parent / "assets" / "mini"
Config = TypeVar("Config", WanConfig, WanVAEConfig, TextConfig)


@dataclass(frozen=True)
class Components:
    """The three networks of a release, in eval mode."""

    transformer: WanTransformer
    vae: WanVAE
    text_encoder: ByteTextEncoder


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, or of its shards `NAME-00001-of-00002`. ValueError names what is missing or damaged."""
    shards = [path] if path.is_file() else sorted(path.parent.glob(f"{path.stem}-*-of-*{path.suffix}"))
    if not shards or (len(shards) > 1 and not shards[-1].stem.endswith(f"-of-{len(shards):05d}")):
        raise ValueError(
            f"weights file {path.name} is missing from {path.parent}; restore or download it again"
        )
    weights: dict[str, Tensor] = {}
    for shard in shards:
        try:
            weights |= load_file(shard)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"weights file {shard} is damaged ({error}); download it again") from None
    return weights


def assign(model: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    """Give a `meta` model its tensors. Every name and shape must match; ValueError says how many do not."""
    expected = {key: tuple(value.shape) for key, value in model.named_parameters()}  # tied ones once
    missing = sorted(expected.keys() - weights.keys())
    unexpected = sorted(weights.keys() - expected.keys())
    unfit = sorted(k for k in expected.keys() & weights.keys() if expected[k] != tuple(weights[k].shape))
    matched = len(expected) - len(missing) - len(unfit)
    summary = f"{name}: {matched} tensors matched, {len(missing)} missing, {len(unexpected)} unexpected"
    if missing or unexpected or unfit:
        example = (missing + unfit + unexpected)[0]
        raise ValueError(
            f"{summary}, {len(unfit)} of another shape (first: {example}); pick the file of this model"
        )
    for names in names_of_parameters(model):
        parameter = nn.Parameter(weights[names[0]], requires_grad=False)
        for path, _, leaf in (name.rpartition(".") for name in names):
            setattr(model.get_submodule(path), leaf, parameter)
    model.eval().requires_grad_(False)
    log.info("%s", summary)


def names_of_parameters(model: nn.Module) -> list[list[str]]:
    """Names grouped by parameter: tied ones (T5's embedding) have several."""
    groups: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    return list(groups.values())


def config_from(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """A config from JSON: lists become tuples, names it does not know are an error."""
    known = {field.name for field in fields(kind)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise ValueError(
            f"model card: {kind.__name__} has no {', '.join(unknown)}; use a card of this version"
        )
    return kind(**{key: _tuples(value) for key, value in values.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def load_mini(folder: Path = MINI_DIR, dtype: torch.dtype = torch.float32) -> Components:
    """The model in the box (or another folder made by `anisora train mini`), as `dtype`; its small text encoder float32."""
    card = read_card(folder)
    with torch.device("meta"):
        transformer = WanTransformer(config_from(WanConfig, card["transformer"]))
        vae = WanVAE(config_from(WanVAEConfig, card["vae"]))
        text_encoder = ByteTextEncoder(config_from(TextConfig, card["text_encoder"]))
    networks = (
        (transformer, "transformer", dtype),
        (vae, "vae", dtype),
        (text_encoder, "text_encoder", torch.float32),
    )
    for network, name, kind in networks:
        weights = read_weights(folder / f"{name}.safetensors")
        assign(network, {key: value.to(kind) for key, value in weights.items()}, f"mini {name}")
    return Components(transformer, vae, text_encoder)


def read_card(folder: Path) -> dict[str, Any]:
    path = folder / "card.json"
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"model card {path} cannot be read ({error}); restore the folder") from None
