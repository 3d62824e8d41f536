"""GGUF files written by the format's definition (github.com/ggml-org/ggml, docs/gguf.md)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

F32, F16, Q8_0, Q4_K, Q6_K = 0, 1, 8, 12, 14  # ggml's type numbers
INT32, ARRAY = 5, 9  # types of metadata


def gguf(
    tensors: Mapping[str, tuple[tuple[int, ...], int, bytes]],
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> bytes:
    """name -> (shape, type, bytes), as version 3 with the default alignment of 32. `shapes`: what ComfyUI's files note of tensors
    that were reshaped, `comfy.gguf.orig_shape.NAME`."""
    notes, infos, data = b"", b"", b""
    for name, shape in (shapes or {}).items():
        key = f"comfy.gguf.orig_shape.{name}".encode()
        notes += struct.pack("<Q", len(key)) + key + struct.pack("<IIQ", ARRAY, INT32, len(shape))
        notes += b"".join(struct.pack("<i", side) for side in shape)
    for name, (shape, kind, content) in tensors.items():
        infos += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(shape))
        infos += b"".join(struct.pack("<Q", side) for side in reversed(shape))
        infos += struct.pack("<IQ", kind, len(data))
        data += content + b"\0" * (-len(content) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(shapes or {})) + notes + infos
    return head + b"\0" * (-len(head) % 32) + data
