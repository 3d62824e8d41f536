"""What a GGUF says about itself before its tensors (github.com/ggml-org/ggml, docs/gguf.md, version 2 and 3).

The package gguf keeps each of the million numbers of umT5's vocabulary as an array of its own, 12 s and 900 MB, and walks
along arrays that a damaged file says are endless.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

#: Types of values; every other one is a number.
_STRING, _ARRAY = 8, 9
_NUMBERS = {
    0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8", 12: "<f8",
}  # fmt: skip


def read_gguf_metadata(path: Path) -> dict[str, Any]:
    """Keys and values, numbers as NumPy's. ValueError when the file is shorter than it says, or holds another type."""
    with path.open("rb") as file:
        (count,) = _unpack(file, "<16xQ")
        return {_string(file): _value(file, *_unpack(file, "<I")) for _ in range(count)}


def _take(file: BinaryIO, size: int) -> bytes:
    if size > os.fstat(file.fileno()).st_size - file.tell():
        raise ValueError("the file ends within its metadata")
    return file.read(size)


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, _take(file, struct.calcsize(form)))


def _string(file: BinaryIO) -> str:
    return _take(file, _unpack(file, "<Q")[0]).decode()


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind != _ARRAY:
        return _numbers(file, kind, 1)[0]
    kind, count = _unpack(file, "<IQ")
    return [_string(file) for _ in range(count)] if kind == _STRING else _numbers(file, kind, count)


def _numbers(file: BinaryIO, kind: int, count: int) -> np.ndarray:
    if kind not in _NUMBERS:
        raise ValueError(f"unknown value type {kind}")
    dtype = np.dtype(_NUMBERS[kind])
    return np.frombuffer(_take(file, count * dtype.itemsize), dtype)
