"""GGUF files packed here by the format's definition, against its dequantisation written out element by element."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.files import open_weights

sys.path.insert(0, str(Path(__file__).parents[2]))
from gguf_files import F16, F32, Q4_K, Q6_K, Q8_0, gguf


def half(value):
    return np.float32(np.float16(value))


def pack_q8_0(rng):
    """32 values: a half-precision scale, then signed bytes."""
    scale, quants = half(rng.uniform(0.01, 0.1)), rng.integers(-128, 128, 32).astype(np.int8)
    return struct.pack("<e", scale) + quants.tobytes(), scale * quants.astype(np.float32)


def pack_q4_k(rng):
    """256 values in 8 runs of 32, each with a 6-bit scale and a 6-bit minimum; two runs share 32 bytes."""
    d, dmin = half(rng.uniform(0.01, 0.1)), half(rng.uniform(0.01, 0.1))
    scales, minima = rng.integers(0, 64, 8), rng.integers(0, 64, 8)
    packed = np.zeros(12, np.uint8)
    for j in range(4):
        packed[j] = scales[j] | (scales[j + 4] >> 4) << 6
        packed[j + 4] = minima[j] | (minima[j + 4] >> 4) << 6
        packed[j + 8] = (scales[j + 4] & 15) | (minima[j + 4] & 15) << 4
    quants = rng.integers(0, 16, (8, 32))
    nibbles = np.stack([quants[2 * run] | quants[2 * run + 1] << 4 for run in range(4)]).astype(np.uint8)
    values = [
        d * np.float32(scales[run]) * quants[run].astype(np.float32) - dmin * np.float32(minima[run])
        for run in range(8)
    ]
    return struct.pack("<ee", d, dmin) + packed.tobytes() + nibbles.tobytes(), np.concatenate(values)


def pack_q6_k(rng):
    """256 values of 6 bits, low nibbles and high pairs apart, a signed byte of scale for every 16."""
    d, scales = half(rng.uniform(0.001, 0.01)), rng.integers(-128, 128, 16).astype(np.int8)
    quants = rng.integers(0, 64, 256)
    low, high = np.zeros(128, np.uint8), np.zeros(64, np.uint8)
    for start in (0, 1):
        q = quants[128 * start : 128 * (start + 1)].reshape(4, 32)
        low[64 * start : 64 * start + 32] = (q[0] & 15) | (q[2] & 15) << 4
        low[64 * start + 32 : 64 * start + 64] = (q[1] & 15) | (q[3] & 15) << 4
        high[32 * start : 32 * start + 32] = (
            q[0] >> 4 | (q[1] >> 4) << 2 | (q[2] >> 4) << 4 | (q[3] >> 4) << 6
        )
    values = d * np.repeat(scales, 16).astype(np.float32) * (quants - 32).astype(np.float32)
    return low.tobytes() + high.tobytes() + scales.tobytes() + struct.pack("<e", d), values


@pytest.mark.parametrize(
    ("pack", "kind", "size"), [(pack_q8_0, Q8_0, 32), (pack_q4_k, Q4_K, 256), (pack_q6_k, Q6_K, 256)]
)
def test_blocks_come_out_as_defined(tmp_path, pack, kind, size):
    rng = np.random.default_rng(0)
    blocks = [pack(rng) for _ in range(6)]
    content = b"".join(block for block, _ in blocks)
    (tmp_path / "x.gguf").write_bytes(gguf({"w": ((3, 2 * size), kind, content)}))
    weights = open_weights(tmp_path / "x.gguf")
    assert weights.shapes == {"w": (3, 2 * size)}
    expected = torch.from_numpy(np.concatenate([values for _, values in blocks])).view(3, 2 * size)
    assert torch.equal(weights.read("w"), expected)


def test_unquantised_tensors_of_five_dimensions_keep_their_shape(tmp_path):
    value = np.arange(48, dtype=np.float16).reshape(2, 3, 2, 2, 2)
    tensors = {"patch_embedding.weight": (value.shape, F16, value.tobytes()), "b": ((2,), F32, b"\0" * 8)}
    (tmp_path / "x.gguf").write_bytes(gguf(tensors))
    weights = open_weights(tmp_path / "x.gguf")
    assert torch.equal(weights.read("patch_embedding.weight"), torch.from_numpy(value).float())
    assert weights.dtypes == {"F16": 1, "F32": 1}


def test_a_cut_file_is_one_clear_error(tmp_path):
    block, _ = pack_q8_0(np.random.default_rng(0))
    whole = gguf({"w": ((1, 32), Q8_0, block)})
    for length in (2, 20, len(whole) - 40):
        (tmp_path / "cut.gguf").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.gguf is damaged .*download it again"):
            open_weights(tmp_path / "cut.gguf")
