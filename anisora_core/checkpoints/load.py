"""Weights into networks: built on `meta`, then the file's tensors assigned, so memory holds them once."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..domain.keymap import Table, our_shapes, to_ours
from ..domain.weights import Weights
from ..encoders.t5 import T5Shape
from ..encoders.tokenizers import find_tokenizer
from ..layers.preview_decoder import PreviewDecoder
from ..lora.read import Lora, is_lora, lora_of
from .detect import Found, identify, parts_of
from .files import open_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fit:
    """How weights fit a network, by names and shapes."""

    matched: int
    missing: list[str]
    unexpected: list[str]
    unfit: list[str]

    def __str__(self) -> str:
        return (
            f"{self.matched} tensors matched, {len(self.missing)} missing, {len(self.unexpected)} unexpected"
        )

    @property
    def is_whole(self) -> bool:
        return not (self.missing or self.unexpected or self.unfit)


def fit(model: nn.Module, weights: Weights, table: Table | None = None) -> Fit:
    expected = {key: tuple(value.shape) for key, value in model.named_parameters()}  # tied ones once
    shapes, unknown = our_shapes(weights.shapes, table)
    missing = sorted(expected.keys() - shapes.keys())
    unfit = sorted(key for key in expected.keys() & shapes.keys() if expected[key] != shapes[key])
    unexpected = unknown + sorted(shapes.keys() - expected.keys())
    return Fit(len(expected) - len(missing) - len(unfit), missing, unexpected, unfit)


def assign(
    model: nn.Module,
    weights: Weights,
    name: str,
    *,
    dtype: torch.dtype,
    table: Table | None = None,
    like: nn.Module | None = None,
) -> Fit:
    """Give a `meta` model its tensors, one read at a time, so that memory holds them once.

    `like` has the model's parameters where its own layers make theirs late, as the host's may. Every name and shape
    must match, else ValueError says how many do not and nothing is read.
    """
    like = like or model
    found = refused_unless_whole(fit(like, weights, table), name)
    places = {names[0]: names for names in names_of_parameters(like)}
    for key in weights.entries:
        read = {key: weights.read(key)}
        for ours_key, value in (to_ours(read, table)[0] if table is not None else read).items():
            parameter = nn.Parameter(value.to(dtype), requires_grad=False)
            for path, _, leaf in (tied.rpartition(".") for tied in places[ours_key]):
                setattr(model.get_submodule(path), leaf, parameter)
    model.eval().requires_grad_(False)
    log.info("%s: %s", name, found)
    return found


def read_lora(path: Path) -> Lora:
    """`lora_of` a file."""
    return lora_of(open_weights(path))


def describe(path: Path) -> dict[str, Any]:
    """What a model or LoRA file is, without loading a model. ValueError when damaged or unknown."""
    weights = open_weights(path)
    if is_lora(weights):
        lora = lora_of(weights)
        experts = [name for name, changes in lora.by_expert.items() if changes]
        return {
            "file": str(path),
            "family": f"LoRA for {lora.family.title}",
            "fit": str(lora),
            "experts": experts or "one network",
            "tensors": len(weights.entries),
            "parameters": weights.parameters,
            "dtypes": weights.dtypes,
        }
    found = identify(weights)
    facts: dict[str, Any] = {"file": str(path), "family": found.kind.name, "prefix": found.prefix}
    config = found.config()
    with torch.device("meta"):
        model = found.kind.network.build(config)
    others = [part.kind.name for part in parts_of(weights) if part.kind is not found.kind]
    if others:
        facts["also"] = ", ".join(others)
    facts["fit"] = str(fit(model, found.weights, found.kind.table))
    if isinstance(config, T5Shape):
        facts["tokenizer"] = describe_tokenizer(weights, config.vocabulary)
    return {
        **facts,
        "tensors": len(found.weights.entries),
        "parameters": found.weights.parameters,
        "beside": found.beside,
        "dtypes": found.weights.dtypes,
    }


def network_without_weights(found: Found) -> nn.Module:
    """The `meta` network that identified weights fit, nothing read. ValueError where they do not."""
    kind = found.kind
    with torch.device("meta"):
        network = kind.network.build(found.config())
    refused_unless_whole(fit(network, found.weights, kind.table), kind.name)
    return network


def refused_unless_whole(found: Fit, name: str) -> Fit:
    if not found.is_whole:
        example = (found.missing + found.unfit + found.unexpected)[0]
        raise ValueError(
            f"{name}: {found}, {len(found.unfit)} of another shape (first: {example}); pick the file of this model"
        )
    return found


def describe_tokenizer(weights: Weights, vocabulary: int) -> str:
    """Where the one of a text encoder is, or what is missing and where to put it."""
    try:
        return find_tokenizer(weights, vocabulary).source
    except ValueError as error:
        return str(error)


def load_network(
    path: Path, dtype: torch.dtype, wanted: Collection[object] = (), **constructor: Any
) -> tuple[nn.Module, Fit]:
    """Any published transformer or VAE -> the network as `dtype`, and what matched.

    `wanted`: classes of networks, of a file that holds several. `constructor`: operations and attention to inject. ValueError names the file and the nearest kind when it is none.
    """
    found = identify(open_weights(path), wanted)
    return load_found(found, dtype, **constructor)


def load_found(found: Found, dtype: torch.dtype, **constructor: Any) -> tuple[nn.Module, Fit]:
    """The network of identified weights, and what matched."""
    kind = found.kind
    with torch.device("meta"):
        model = kind.network.build(found.config(), **constructor)
        like = kind.network.build(found.config()) if constructor else model
    return model, assign(model, found.weights, kind.name, dtype=dtype, table=kind.table, like=like)


def names_of_parameters(model: nn.Module) -> list[list[str]]:
    """Names grouped by parameter: tied ones (T5's embedding) have several."""
    groups: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    return list(groups.values())


def read_preview_decoder(path: Path) -> PreviewDecoder:
    """The tiny decoder for previews, float32."""
    with torch.device("meta"):
        decoder = PreviewDecoder()
    assign(decoder, open_weights(path), "preview decoder", dtype=torch.float32)
    return decoder
