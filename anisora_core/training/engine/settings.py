"""The numbers a training loop needs. Nothing heavy is imported, so that recipes can be read without a trainer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from .optimizers import OptimizerName

Schedule = Literal["cosine", "constant"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)


@dataclass(frozen=True)
class TrainingSettings:
    """`learning_rate` falls by a cosine to 5 % over `steps` after `warmup` steps, or stays constant until the last
    `cooldown` steps, over which it falls in a line: a run that is prolonged then has lost nothing (WSD; Hu et al. 2024,
    arXiv 2404.06395, section 4).

    `gradient_accumulation`: the number of parts a batch is computed in. `precision` float32 is for tests and networks in float32.
    """

    steps: int
    learning_rate: float
    schedule: Schedule = "cosine"
    warmup: int = 100
    cooldown: int = 0
    ema_decay: float = 0.999
    max_grad_norm: float = 1.0
    weight_decay: float = 0.01
    save_every: int = 200
    log_every: int = 20
    num_workers: int = 1
    optimizer: OptimizerName = "adamw"
    gradient_accumulation: int = 1
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    seed: int = 0


def learning_rate(step: int, settings: TrainingSettings) -> float:
    warm = min(1.0, (step + 1) / max(1, settings.warmup))
    if settings.schedule == "constant":
        left = min(1.0, (settings.steps - step) / settings.cooldown) if settings.cooldown else 1.0
        return settings.learning_rate * warm * (0.05 + 0.95 * left)
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / settings.steps)))
    return settings.learning_rate * warm * (0.05 + 0.95 * cosine)
