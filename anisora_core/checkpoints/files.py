"""Weights where artists have them: read tensor by tensor, nothing in them executed, damage named.

safetensors (one file, shards with an index, a folder), `.pt`/`.pth`/`.bin`/`.ckpt`, GGUF; scaled fp8 comes out multiplied
by its scales, GGUF dequantised.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from glob import escape
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..domain.json_text import read_json
from ..domain.weights import Entry, Shape, Weights
from .gguf_metadata import read_gguf_metadata

PICKLES = {".pt", ".pth", ".bin", ".ckpt", ".pkl"}
SAFETENSORS = {".safetensors", ".sft"}
#: All files of weights, in lower case; ComfyUI lists each in upper case too.
ENDINGS = SAFETENSORS | PICKLES | {".gguf"}
#: Numbers that weights are of, as safetensors names them.
SAFETENSORS_KINDS: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
#: And what else safetensors hold that is read.
STORED_KINDS = SAFETENSORS_KINDS | {
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
#: As pickles name them too, which is as torch does.
KINDS = SAFETENSORS_KINDS | {str(kind).removeprefix("torch."): kind for kind in SAFETENSORS_KINDS.values()}
#: Keys that published pickles keep their tensors under.
_NESTS = ("module", "state_dict", "model")
#: In a folder of SAT's, AniSora V1's among them.
SAT_FILE = "mp_rank_00_model_states.pt"
#: GGUF files for ComfyUI say so which shape a tensor had before it was reshaped for its quantisation.
_ORIGINAL_SHAPE = "comfy.gguf.orig_shape."
#: Markers and scales of scaled fp8: ComfyUI before and since its 2025 quantisation rewrite.
_SCALES = (".scale_weight", ".weight_scale")
_BESIDE = (".scale_input", ".input_scale", ".comfy_quant")


def open_weights(path: Path) -> Weights:
    """A file, a shard index or a folder of shards. ValueError names what is missing or damaged, and what to do."""
    shards, ending = shards_of(path), path.suffix.lower()
    if len(shards) > 1:
        weights = join(path, shards)
    elif path.is_dir():
        weights = open_folder(path)
    elif path.name.endswith(".index.json"):
        weights = open_index(path)
    elif ending in SAFETENSORS:
        weights = open_safetensors(path)
    elif ending == ".gguf":
        weights = open_gguf(path)
    elif ending in PICKLES:
        weights = open_pickle(path)
    else:
        raise ValueError(f"{path.name}: unknown kind of weights; use one of {', '.join(sorted(ENDINGS))}")
    if not weights.entries:
        raise ValueError(f"{path} holds no tensors; download it again")
    return with_scales(weights)


def shards_of(path: Path) -> list[Path]:
    """The file or folder itself, or its shards `NAME-00001-of-00002`. ValueError when there is nothing, or a shard is missing."""
    if path.exists():
        return [path]
    shards = sorted(path.parent.glob(f"{escape(path.stem)}-*-of-*{path.suffix}"))
    if not shards:
        raise ValueError(f"weights {path} do not exist; check the name and the folder")
    if not shards[-1].stem.endswith(f"-of-{len(shards):05d}"):
        raise ValueError(
            f"a shard of {path.name} is missing from {path.parent}; restore or download it again"
        )
    return shards


def mapped(path: Path, start: int, size: int) -> np.ndarray:
    """Bytes of a file as [size] of uint8, mapped as long as somebody holds them: whole files may exceed the memory."""
    return np.memmap(path, np.uint8, mode="c", offset=start, shape=(size,))


def open_safetensors(path: Path) -> Weights:
    try:
        with safe_open(path, framework="np") as file:  # checks the header; "pt" would map all of the file
            metadata = file.metadata() or {}
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(length))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"weights file {path} is damaged ({error}); download it again") from None
    header.pop("__metadata__", None)

    def reader(kind: str, shape: Shape, start: int, end: int) -> Callable[[], Tensor]:
        def read() -> Tensor:
            if kind not in STORED_KINDS:
                raise RuntimeError(f"unknown data type {kind}")
            if start == end:
                return torch.empty(shape, dtype=STORED_KINDS[kind])
            content = mapped(path, 8 + length + start, end - start)
            return torch.from_numpy(content).view(STORED_KINDS[kind]).view(shape)

        return read

    entries: dict[str, Entry] = {}
    for name, row in header.items():
        kind, shape = str(row["dtype"]), tuple(map(int, row["shape"]))
        entries[name] = Entry(shape, kind, reader(kind, shape, *row["data_offsets"]))
    return Weights(path, entries, metadata)


def open_index(path: Path) -> Weights:
    """`NAME.safetensors.index.json`: which shard holds which tensor."""
    try:
        listed: dict[str, str] = read_json(path)["weight_map"]
        shards = sorted(set(listed.values()))
        outside = [name for name in shards if not is_file_name(name)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"shard index {path} cannot be read ({error!r}); download it again") from None
    if outside:
        raise ValueError(f"shard index {path} names {outside[0]!r} outside its folder; do not use this file")
    joined = join(path, [path.parent / name for name in shards])
    missing = sorted(listed.keys() - joined.entries.keys())
    if missing:
        raise ValueError(
            f"{path.parent}: {len(missing)} tensors of the index are in no shard ({missing[0]!r})"
        )
    return joined


def is_file_name(name: str) -> bool:
    """Of a file in the same folder. TypeError or AttributeError for what is no text."""
    return Path(name).name == name and name.isprintable() and name not in ("", ".", "..")


def open_folder(path: Path) -> Weights:
    """Shards, with an index or without; or a SAT checkpoint, whose file `latest` names the folder that holds it."""
    latest = path / "latest"
    if latest.is_file():
        name = latest.read_bytes()[:64].decode(errors="replace").strip()
        if not is_file_name(name):
            raise ValueError(
                f"{latest} names {name!r}, which is not a folder name; choose the .pt file itself"
            )
        return replace(open_weights(path / name / SAT_FILE), source=path)
    indices = sorted(path.glob("*.safetensors.index.json"))
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SAFETENSORS)
    if len(indices) == 1:
        return open_index(indices[0])
    if not files:
        raise ValueError(f"folder {path} contains no .safetensors file; choose the file itself")
    return join(path, files)


def join(source: Path, files: list[Path]) -> Weights:
    """Several files as one. ValueError when two hold the same tensor."""
    entries: dict[str, Entry] = {}
    metadata: dict[str, str] = {}
    for file in files:
        if not os.path.isfile(file):  # False too where the name cannot be one, as when it is too long
            raise ValueError(f"shard {file.name} is missing from {file.parent}; download it")
        part = open_safetensors(file)
        both = entries.keys() & part.entries.keys()
        if both:
            raise ValueError(f"{source}: {min(both)} is in two files; choose one of them")
        entries |= part.entries
        metadata |= part.metadata
    return Weights(source, entries, metadata)


def open_pickle(path: Path) -> Weights:
    """Memory-mapped; only tensors and plain containers are unpickled."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} holds more than tensors and could run code; get it as .safetensors, or convert it where you trust it"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes make the unpickler raise almost anything
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "unable to mmap" in line or "map view" in line:  # torch's words, on Linux and on Windows
            size = path.stat().st_size / 1e9
            raise ValueError(
                f"{path} of {size:.1f} GB exceeds the memory, and pickle files are read as a whole; get it as .safetensors, "
                "or convert it on a larger machine"
            ) from None
        raise ValueError(f"weights file {path} is damaged ({line}); download it again") from None
    for nest in _NESTS:
        if isinstance(content, dict) and isinstance(content.get(nest), dict):
            content = content[nest]
    tensors = content if isinstance(content, dict) else {}
    odd = [name for name, value in tensors.items() if isinstance(value, Tensor) and not is_plain(value)]
    if odd:
        raise ValueError(
            f"{path}: tensor {odd[0]} is sparse, quantised, empty or overlapping; get the file as .safetensors"
        )

    def reader(value: Tensor) -> Callable[[], Tensor]:
        return lambda: value

    entries = {
        str(name): Entry(tuple(value.shape), str(value.dtype).removeprefix("torch."), reader(value))
        for name, value in tensors.items()
        if isinstance(value, Tensor)
    }
    return Weights(path, entries)


def is_plain(value: Tensor) -> bool:
    """Every number of it is there, once."""
    return (
        value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def open_gguf(path: Path) -> Weights:
    """Each tensor is dequantised when it is read. Needs the package gguf."""
    try:
        from gguf import GGUFReader
        from gguf.quants import dequantize
    except ImportError:
        raise ValueError(f"{path.name} needs the package gguf; run: pip install gguf") from None
    try:
        metadata = read_gguf_metadata(path)
        tensors = GGUFReader(path).tensors
    except Exception as error:  # the reader lets NumPy's and its own errors through
        raise ValueError(f"weights file {path} is damaged ({error}); download it again") from None

    def reader(tensor: Any, shape: Shape) -> Callable[[], Tensor]:
        start, size, kind = int(tensor.data_offset), int(tensor.n_bytes), tensor.tensor_type
        # Not the data themselves, which hold a mapping of the whole file.
        packed_kind, packed_shape = tensor.data.dtype, tensor.data.shape

        def read() -> Tensor:
            packed = mapped(path, start, size).view(packed_kind).reshape(packed_shape)
            return torch.from_numpy(dequantize(packed, kind)).view(shape)

        return read

    entries: dict[str, Entry] = {}
    for tensor in tensors:
        name = str(tensor.name)
        sides = metadata.get(f"{_ORIGINAL_SHAPE}{name}", tensor.shape[::-1])
        shape = tuple(int(side) for side in sides)
        if prod(shape) != prod(map(int, tensor.shape)):
            raise ValueError(
                f"{path}: tensor {name} does not have the shape {shape} it names; download it again"
            )
        entries[name] = Entry(shape, tensor.tensor_type.name, reader(tensor, shape))
    return Weights(path, entries, details=partial(read_gguf_metadata, path), drops_sides=True)


def with_scales(weights: Weights) -> Weights:
    """Scaled fp8 as float32 products; the scales, markers and input scales are no entries of their own."""
    entries: dict[str, Entry] = {}
    scales = {
        name.removesuffix(suffix) + ".weight": entry
        for name, entry in weights.entries.items()
        for suffix in _SCALES
        if name.endswith(suffix)
    }

    def scaled(entry: Entry, scale: Entry) -> Callable[[], Tensor]:
        return lambda: entry.read().to(torch.float32, copy=True).mul_(scale.read().float())

    for name, entry in weights.entries.items():
        if name.endswith((*_SCALES, *_BESIDE)) or name.rpartition(".")[2] == "scaled_fp8":
            continue
        if name in scales:
            entry = Entry(entry.shape, f"{entry.dtype} scaled", scaled(entry, scales[name]))
        entries[name] = entry
    return replace(weights, entries=entries)
