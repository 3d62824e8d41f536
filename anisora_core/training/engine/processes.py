"""Several processes that train together, on accelerate."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env, reduce
from torch import Tensor


def processes() -> PartialState:
    """The processes that train together: one, or as many as accelerate or torchrun started; `device` is this one's."""
    # `accelerate launch --cpu` sets this variable, which accelerate itself reads for its own trainer alone
    is_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    # samples are made, and texts encoded, by one process, for which the others wait
    return PartialState(cpu=is_cpu, timeout=timedelta(hours=12))


def any_process(stop: bool, device: torch.device) -> bool:
    """Whether any process wants to stop: then all do, at the same step."""
    if processes().num_processes == 1:
        return stop
    return bool(over_processes(torch.tensor(float(stop), device=device), "sum") > 0)


def over_processes(value: Tensor, how: Literal["mean", "sum"]) -> Tensor:
    result = reduce(value, how)
    assert isinstance(result, Tensor)
    return result
