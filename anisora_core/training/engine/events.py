"""What a training reports while it runs; each event is a line of JSON between processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args


@dataclass(frozen=True)
class DatasetDescribed:
    """What the training folder holds, in lines."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Warned:
    text: str


@dataclass(frozen=True)
class Encoding:
    """`done` of `total` examples are on disk."""

    done: int
    total: int


@dataclass(frozen=True)
class Stepped:
    """`smooth`: the loss's running average. `gigabytes`: memory at its peak so far, of the GPU where there is one."""

    step: int
    total: int
    loss: float
    smooth: float
    seconds_left: float
    gigabytes: float


@dataclass(frozen=True)
class Sampled:
    """`sheet`: a row of each sample by the base model above one with the LoRA. `motion_ratio`: of the latter to the former."""

    step: int
    sheet: Path
    clips: tuple[Path, ...]
    motion_ratio: float


@dataclass(frozen=True)
class Saved:
    step: int
    path: Path


@dataclass(frozen=True)
class Finished:
    """`paths`: the file, or that of each of two experts. `is_whole`: all steps are done; otherwise running it again continues."""

    paths: tuple[Path, ...]
    step: int
    is_whole: bool
    seconds: float


Event = DatasetDescribed | Warned | Encoding | Stepped | Sampled | Saved | Finished
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


def to_json(event: Event) -> str:
    return json.dumps({"event": type(event).__name__, **asdict(event)}, default=str)


def from_json(line: str) -> Event:
    """ValueError for what `to_json` did not write."""
    try:
        said = json.loads(line)
        kind = _KINDS[said.pop("event")]
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{line[:80]!r} is not an event") from None
    for name in ("path", "sheet"):
        if name in said:
            said[name] = Path(said[name])
    for name in {"clips", "paths"} & said.keys():
        said[name] = tuple(Path(path) for path in said[name])
    if "lines" in said:
        said["lines"] = tuple(said["lines"])
    return kind(**said)
