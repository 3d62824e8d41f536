"""Which precision is the fast one on a device."""

from __future__ import annotations

import torch


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware; else float32, which emulated bfloat16 does not beat."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    if device.type == "cpu":
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # absent before torch 2.6
        checks = [getattr(torch.cpu, name, None) for name in names]
        return torch.bfloat16 if any(check and check() for check in checks) else torch.float32
    return torch.float32
