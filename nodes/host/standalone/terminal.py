"""Progress as a line in the terminal."""

from __future__ import annotations

import sys

from torch import Tensor

from ..pace import Pace


class Progress:
    """Draws on a terminal only, so logs stay readable."""

    def __init__(self, total: int, unit: str = "step") -> None:
        self.total, self.pace = total, Pace(total, unit)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs on."""

    def update(self, done: int, clip_FHWC: Tensor | None = None, seconds_per_frame: float = 0.25) -> None:
        caption = self.pace.caption(done)
        if sys.stderr.isatty():
            end = "\n" if done == self.total else "\r"
            sys.stderr.write(f"  {caption:<60}{end}")
