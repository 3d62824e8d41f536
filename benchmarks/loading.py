"""Memory and time of loading and converting: `python benchmarks/loading.py --json`. Linux only.

Files of two blocks at the width of Wan 14B (about 2 GB) are made in a temporary folder and read in a process of its own.
Peaks are the growth of resident memory to the kernel's own high-water mark, anonymous pages and pages of files alike:
a mapped file counts as far as it was read and not let go. The bar is the weights plus one shard.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.checkpoints.conversion import convert
from comfyui_anisora.anisora_core.checkpoints.files import KINDS
from comfyui_anisora.anisora_core.checkpoints.load import describe, load_network
from comfyui_anisora.anisora_core.checkpoints.save import save_weights
from comfyui_anisora.anisora_core.domain.weights import Entry, Shape, Weights
from comfyui_anisora.anisora_core.families.wan.config import DEBUG, WAN21_I2V_14B, WanConfig
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from publish import add_options, publish

TWO_BLOCKS = replace(WAN21_I2V_14B, num_layers=2)
TINY = replace(DEBUG, dim=128, num_heads=1, text_dim=32, text_len=512, image_dim=1280, has_image_branch=True)
GB = 1e9


def shapes_of(config: WanConfig) -> dict[str, Shape]:
    with torch.device("meta"):
        return {name: tuple(p.shape) for name, p in WanTransformer(config).named_parameters()}


def wide(shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """What quantised files quantise."""
    return {name: shape for name, shape in shapes.items() if len(shape) == 2}


def constant(shapes: Mapping[str, Shape], kind: str) -> dict[str, Entry]:
    """Every tensor full of one number."""

    def filled(shape: Shape) -> Callable[[], torch.Tensor]:
        return lambda: torch.full(shape, 0.5).to(KINDS[kind])

    return {name: Entry(shape, kind, filled(shape)) for name, shape in shapes.items()}


def write_bf16(folder: Path, config: WanConfig) -> Path:
    """Two shards and their index."""
    weights = Weights(folder, constant(shapes_of(config), "BF16"))
    save_weights({folder / "wan.safetensors": weights}, int(weights.parameters * 2 * 0.52))
    return folder


def write_fp8(folder: Path, config: WanConfig) -> Path:
    shapes = shapes_of(config)
    scales: dict[str, Shape] = {f"{name.removesuffix('weight')}scale_weight": () for name in wide(shapes)}
    entries = constant(shapes, "BF16") | constant(wide(shapes), "F8_E4M3") | constant(scales, "F32")
    return save_weights({folder / "fp8.safetensors": Weights(folder, entries)})[0]


def write_gguf(folder: Path, config: WanConfig) -> Path:
    """Q8_0: a half-precision scale and 32 signed bytes."""
    from gguf import GGMLQuantizationType, GGUFWriter

    block = np.frombuffer(struct.pack("<e32b", 0.01, *range(-16, 16)), np.uint8)
    shapes = shapes_of(config)
    writer = GGUFWriter(folder / "q8.gguf", "wan", use_temp_file=True)
    for name, (rows, columns) in wide(shapes).items():
        blocks = np.tile(block, (rows, columns // 32))
        writer.add_tensor(name, blocks, raw_dtype=GGMLQuantizationType.Q8_0)
    for name in shapes.keys() - wide(shapes).keys():
        writer.add_tensor(name, np.ones(shapes[name], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / "q8.gguf"


def write_header(folder: Path, config: WanConfig) -> Path:
    """The file of the full size as far as its header; its tensors are a hole that takes no disk."""
    header, end = {}, 0
    for name, shape in shapes_of(config).items():
        start, end = end, end + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with (folder / "hole.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return folder / "hole.safetensors"


#: name -> (what writes the file, configuration, what is done with it)
CASES: dict[str, tuple[Callable[[Path, WanConfig], Path], WanConfig, str]] = {
    "bf16 in two shards": (write_bf16, TWO_BLOCKS, "load bfloat16"),
    "bf16 in two shards, cast": (write_bf16, TWO_BLOCKS, "load float16"),
    "scaled fp8": (write_fp8, TWO_BLOCKS, "load bfloat16"),
    "GGUF Q8_0": (write_gguf, TWO_BLOCKS, "load bfloat16"),
    "converted to one file": (write_bf16, TWO_BLOCKS, "convert comfyui"),
    "header of the full size": (write_header, WAN21_I2V_14B, "describe -"),
}


def do(work: str, path: Path) -> Any:
    """The result is kept by the caller, so that its memory is counted."""
    verb, argument = work.split()
    if verb == "load":
        return load_network(path, getattr(torch, argument))[0]
    if verb == "convert":
        return convert(path, argument, path.parent / "converted.safetensors")
    return describe(path)


def resident() -> dict[str, float]:
    """Of this process, in GB."""
    rows = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 / GB for row in rows if row[0][:2] in ("Vm", "Rs")}


def child(work: str, path: Path, small: Path) -> dict[str, float]:
    """Does it once on a small file, so that code is in memory, then measures."""
    do(work, small)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before, since = resident(), time.monotonic()
    kept = do(work, path)
    seconds, after = time.monotonic() - since, resident()
    weights = sum(p.nbytes for p in kept.parameters()) if isinstance(kept, torch.nn.Module) else 0
    return {
        "weights": weights / GB,
        "peak": after["VmHWM"] - before["VmRSS"],
        "anonymous_after": after["RssAnon"] - before["RssAnon"],
        "file_pages_after": after["RssFile"] - before["RssFile"],
        "seconds": seconds,
    }


def measure(name: str, folder: Path) -> dict[str, float]:
    write, config, work = CASES[name]
    paths: list[str] = []
    for part, size in (("full", config), ("small", TINY)):
        (folder / part).mkdir()
        paths.append(str(write(folder / part, size)))
    shards = [path.stat().st_size for path in (folder / "full").iterdir() if path.suffix != ".json"]
    command = [sys.executable, __file__, "--child", work, *paths]
    row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    row |= {"largest_shard": max(shards) / GB, "bar": row["weights"] + max(shards) / GB}
    return {key: round(value, 3) for key, value in row.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, action="append", help="only these")
    add_options(parser)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work, path, small = options.child
        print(json.dumps(child(work, Path(path), Path(small))))
        return
    rows: dict[str, Any] = {}
    for name in options.case or CASES:
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = measure(name, Path(folder))
    publish({"gigabytes_and_seconds": rows}, "loading", options)


if __name__ == "__main__":
    main()
