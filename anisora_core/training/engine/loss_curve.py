"""The loss of a training as a table and a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ...domain.atomic_write import write_beside
from .run_folder import read_log

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 360, 60, 10, 10, 30


@dataclass
class LossCurve:
    """The loss, raw and smoothed by a running average, as loss.csv and loss.png in `folder`."""

    folder: Path
    steps: list[int] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    smooth: list[float] = field(default_factory=list)

    def read(self, until: int) -> None:
        """Continue from the log of an earlier run, up to the step it was saved at."""
        known = {row["step"]: row["loss"] for row in read_log(self.folder) if row["step"] <= until}
        for step in sorted(known):
            self.add(step, known[step])

    def add(self, step: int, loss: float) -> float:
        """The average after it."""
        decay = min(0.98, len(self.raw) / (len(self.raw) + 10))
        self.steps.append(step)
        self.raw.append(loss)
        self.smooth.append(decay * (self.smooth[-1] if self.smooth else loss) + (1.0 - decay) * loss)
        return self.smooth[-1]

    def write(self) -> None:
        with write_beside(self.folder / "loss.csv") as part, part.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("step", "loss", "smooth"))
            table.writerows(
                (step, f"{raw:.6f}", f"{smooth:.6f}")
                for step, raw, smooth in zip(self.steps, self.raw, self.smooth, strict=True)
            )
        with write_beside(self.folder / "loss.png") as part:
            draw_loss(self.steps, self.raw, self.smooth).save(part)


def draw_loss(steps: Sequence[int], raw: Sequence[float], smooth: Sequence[float]) -> Image.Image:
    """640 x 360: the loss of each step in a pale colour, its running average in a dark one; the scale leaves the highest 2 % out."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    if not steps:
        return image
    low, high = float(np.min(raw)), float(np.quantile(raw, 0.98))
    high = max(high, low + 1e-6)
    span = max(1, steps[-1] - steps[0])
    wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _BOTTOM - _TOP

    def points(values: Sequence[float]) -> list[tuple[float, float]]:
        across = (_LEFT + wide * (step - steps[0]) / span for step in steps)
        up = ((min(value, high) - low) / (high - low) for value in values)
        return [(x, (_HEIGHT - _BOTTOM) - tall * y) for x, y in zip(across, up, strict=True)]

    for share in (0.0, 0.5, 1.0):
        y = (_HEIGHT - _BOTTOM) - tall * share
        draw.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], fill="#dddddd")
        draw.text((6, y - 6), f"{low + (high - low) * share:.3f}", fill="#555555")
    for share in (0.0, 0.5, 1.0):
        x = _LEFT + wide * share
        draw.text((x - 12, _HEIGHT - _BOTTOM + 8), str(round(steps[0] + span * share)), fill="#555555")
    if len(steps) > 1:
        draw.line(points(raw), fill="#b8cbe4")
        draw.line(points(smooth), fill="#1f4e8c", width=2)
    return image
