"""What a preview says below its picture."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Pace:
    """Counts steps and tells how long the rest will take; the first step, which warms up, counts only when it is alone."""

    total: int
    unit: str
    times: list[float] = field(default_factory=lambda: [time.monotonic()])

    def caption(self, done: int) -> str:
        """`step 3 of 12, 40 s left`, once there is a pace."""
        self.times.append(time.monotonic())
        text = f"{self.unit} {done} of {self.total}"
        if done >= self.total:
            return text
        measured = self.times[1:] if len(self.times) > 2 else self.times
        pace = (measured[-1] - measured[0]) / max(1, done - (len(self.times) > 2))
        return f"{text}, {duration(pace * (self.total - done))} left"


def duration(seconds: float) -> str:
    """`40 s`, `3 min 20 s`, `1 h 5 min`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
