"""`anisora bench`: our networks beside diffusers' on the same weights and inputs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ..anisora_core.domain.atomic_write import write_beside
from ..anisora_core.evaluation.report import machine
from ..anisora_core.evaluation.speed.cases import CASES, Size
from ..anisora_core.evaluation.speed.compare import compare, peaks

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="anisora bench",
        description="Time our networks beside diffusers' (pip install diffusers) on the same random weights, in turns. "
        "Give several --tokens or --frames to see how the cost grows.",
    )
    root.add_argument("cases", nargs="*", metavar="CASE", help=f"among {', '.join(CASES)}; default: all")
    root.add_argument("--dtype", nargs="+", choices=DTYPES, default=["bfloat16"])
    root.add_argument("--tokens", nargs="+", type=int, default=[4096], help="of a transformer's clip")
    root.add_argument("--frames", nargs="+", type=int, default=[17], help="of a VAE's clip")
    root.add_argument("--side", type=int, default=256, help="pixels of a VAE's frame")
    root.add_argument("--rounds", type=int, default=5)
    root.add_argument("--threads", type=int, help="CPU threads; default: torch's own choice")
    root.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    root.add_argument("--out", type=Path, metavar="FILE.json", help="write all figures there")
    return root


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    for name in options.cases:
        if name not in CASES:
            raise ValueError(f"{name}: no such case; choose among {', '.join(CASES)}")
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        import diffusers
    except ImportError as error:
        raise ValueError("diffusers is not installed; pip install diffusers") from error
    device = torch.device(options.device)
    kinds = {name: peaks(DTYPES[name], device) for name in options.dtype}
    figures: dict[str, Any] = {
        "machine": machine() | {"diffusers": diffusers.__version__, "device": str(device)}
    }
    figures |= {"peak_gflops": kinds, "rows": []}
    for name, best in kinds.items():
        print(f"{name}: matrix product {best['matrix']} GFLOP/s, convolution {best['convolution']} GFLOP/s")
    print(HEADER)
    for row in rows(options, device):
        figures["rows"].append(row)
        print(line(row), flush=True)
    if options.out:
        with write_beside(options.out) as part:
            part.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    return 0


def rows(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    for name in options.cases or CASES:
        is_vae = "vae" in name
        for length in options.frames if is_vae else options.tokens:
            for dtype in options.dtype:
                torch.manual_seed(0)
                size = Size(frames=length, side=options.side) if is_vae else Size(tokens=length)
                case = CASES[name](size)
                unit = f"{length} frames {options.side}x{options.side}" if is_vae else f"{length} tokens"
                yield {"case": name, "size": unit, "dtype": dtype} | compare(
                    case, DTYPES[dtype], device, options.rounds
                )


COLUMNS = (
    f"{'case':22} {'size':24} {'dtype':9}",
    f"{'s ours':>8} {'s diffusers':>12} {'speedup':>8} {'GFLOP/s':>8}",
    f"{'MB ours':>8} {'diffusers':>9} {'error ours':>11} {'diffusers':>9}",
)
HEADER = " ".join(COLUMNS)


def line(row: dict[str, Any]) -> str:
    ours, theirs = row["ours"], row["diffusers"]
    return (
        f"{row['case']:22} {row['size']:24} {row['dtype']:9} "
        f"{ours['seconds']:8.3f} {theirs['seconds']:12.3f} {row['speedup']:8.2f} {ours['gflops']:8.0f} "
        f"{ours['peak_mb']:8.0f} {theirs['peak_mb']:9.0f} {ours['error']:11.2g} {theirs['error']:9.2g}"
    )
