"""Weights -> safetensors, tensor by tensor, so that memory holds one at a time.

The format: https://huggingface.co/docs/safetensors (a header in JSON, then the tensors without holes).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import BinaryIO

import torch

from ..domain.atomic_write import write_beside
from ..domain.weights import Entry, Weights
from .files import STORED_KINDS


def size_of(entry: Entry) -> int:
    """Bytes."""
    return prod(entry.shape) * STORED_KINDS[entry.dtype].itemsize


def shards_for(path: Path, weights: Weights, shard_bytes: int | None) -> dict[Path, list[str]]:
    """The files that `weights` go into and the tensors of each: `path`, or NAME-00001-of-00002 and so on."""
    shards: list[list[str]] = [[]]
    used = 0
    for name, entry in weights.entries.items():
        if shard_bytes is not None and used + size_of(entry) > shard_bytes and shards[-1]:
            shards.append([])
            used = 0
        shards[-1].append(name)
        used += size_of(entry)
    if len(shards) == 1:
        return {path: shards[0]}
    return {
        path.with_name(f"{path.stem}-{n:05d}-of-{len(shards):05d}{path.suffix}"): names
        for n, names in enumerate(shards, start=1)
    }


def paths_for(files: Mapping[Path, Weights], shard_bytes: int | None) -> list[Path]:
    return [shard for path, weights in files.items() for shard in shards_for(path, weights, shard_bytes)]


def index_of(path: Path) -> Path:
    """Where the index of shards named after `path` lies."""
    return path.with_name(f"{path.name}.index.json")


def save_weights(files: Mapping[Path, Weights], shard_bytes: int | None = None) -> list[Path]:
    """All files or none; shards get an index, which appears last. ValueError when a tensor cannot be read.

    An index of earlier shards goes before the first of them is replaced: cut off in between, it would be an index of two models.
    """
    with ExitStack() as stack:
        for path, weights in files.items():
            shards = shards_for(path, weights, shard_bytes)
            if len(shards) > 1:
                part = stack.enter_context(write_beside(index_of(path)))
                part.write_text(json.dumps(_index(weights, shards), indent=1) + "\n")
            for shard, names in shards.items():
                with stack.enter_context(write_beside(shard)).open("wb") as file:
                    _write(file, {name: weights.entries[name] for name in names}, weights.metadata)
        for path in files:
            index_of(path).unlink(missing_ok=True)
    return paths_for(files, shard_bytes)


def _index(weights: Weights, shards: Mapping[Path, list[str]]) -> dict[str, object]:
    total = sum(size_of(entry) for entry in weights.entries.values())
    places = {name: shard.name for shard, names in shards.items() for name in names}
    return {"metadata": {"total_size": total}, "weight_map": places}


def _write(file: BinaryIO, entries: Mapping[str, Entry], metadata: Mapping[str, str]) -> None:
    # Wide numbers first: then all lie at multiples of their width.
    ordered = dict(sorted(entries.items(), key=lambda item: -STORED_KINDS[item[1].dtype].itemsize))
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, entry in ordered.items():
        start, end = end, end + size_of(entry)
        header[name] = {"dtype": entry.dtype, "shape": entry.shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for entry in ordered.values():
        value = entry.read()
        assert (tuple(value.shape), value.dtype) == (entry.shape, STORED_KINDS[entry.dtype])
        file.write(value.contiguous().flatten().view(torch.uint8).numpy().data)
