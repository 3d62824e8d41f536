"""Seconds, achieved FLOP/s, memory and rounding of two networks, in turns in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from .cases import Case
from .tensor_memory import TensorMemory


def compare(case: Case, dtype: torch.dtype, device: torch.device, rounds: int) -> dict[str, Any]:
    """Figures of `case`: of ours, of diffusers', and `speedup`, the median of the rounds' ratios of seconds.

    `error` is the distance to diffusers in float32, relative to its norm. `gflop` counts products and convolutions of
    diffusers' network, and both reach FLOP/s by it: what one leaves out counts as speed. `peak_mb` is of tensors made
    inside, the output among them.
    """
    with torch.inference_mode():
        exact = case.run_theirs(case.theirs, *case.inputs)
        counter = FlopCounterMode(display=False)
        with counter:
            case.run_theirs(case.theirs, *case.inputs)
        flop = counter.get_total_flops()
        inputs = [
            each.to(device, dtype) if each.is_floating_point() else each.to(device) for each in case.inputs
        ]
        runs: dict[str, Callable[[], Tensor]] = {}
        for name, model, run in (
            ("ours", case.ours, case.run_ours),
            ("diffusers", case.theirs, case.run_theirs),
        ):
            model.to(device, dtype)
            runs[name] = lambda run=run, model=model: run(model, *inputs)
        figures: dict[str, dict[str, Any]] = {name: first_run(run, exact) for name, run in runs.items()}
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                seconds[name].append(timed(run, device))
    for name, times in seconds.items():
        median = statistics.median(times)
        figures[name] |= {
            "seconds": round(median, 4),
            "spread": round(max(times) - min(times), 4),
            "gflops": round(flop / median / 1e9, 1),
        }
    ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds["diffusers"], strict=True)]
    return {**figures, "speedup": round(statistics.median(ratios), 3), "gflop": round(flop / 1e9, 4)}


def first_run(run: Callable[[], Tensor], exact: Tensor) -> dict[str, Any]:
    """Warm-up, with what need not be timed."""
    memory = TensorMemory()
    with memory:
        result = run()
    error = (result.float().cpu() - exact).norm() / exact.norm()
    return {"error": float(f"{float(error):.3g}"), "peak_mb": round(memory.peak / 1e6, 1)}


def timed(run: Callable[[], Any], device: torch.device) -> float:
    """Seconds until the device is done."""
    wait(device)
    start = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peaks(dtype: torch.dtype, device: torch.device, rounds: int = 5) -> dict[str, float]:
    """The machine's own best GFLOP/s: a product of matrices of 2048, a convolution of 96 channels over 9 frames."""
    matrix = torch.randn(2048, 2048, device=device).to(dtype)
    video = torch.randn(1, 96, 9, 128, 128, device=device).to(dtype)
    kernel = torch.randn(96, 96, 3, 3, 3, device=device).to(dtype)
    work = {
        "matrix": (lambda: matrix @ matrix, 2 * 2048**3),
        "convolution": (lambda: torch.nn.functional.conv3d(video, kernel), 2 * 96 * 96 * 27 * 7 * 126**2),
    }
    best: dict[str, float] = {}
    with torch.inference_mode():
        for name, (run, flop) in work.items():
            run()
            best[name] = round(flop / min(timed(run, device) for _ in range(rounds)) / 1e9, 1)
    return best
