"""Figures as JSON and as a table."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch


def spread(values: Sequence[float], percentiles: Sequence[int] = (10, 50, 90)) -> dict[str, float]:
    """Percentiles over those that are finite, and how many they are."""
    finite = np.array([value for value in values if np.isfinite(value)])
    found = np.percentile(finite, percentiles) if len(finite) else [np.nan] * len(percentiles)
    named = {f"p{share:02d}": round(float(at), 4) for share, at in zip(percentiles, found, strict=True)}
    return named | {"n": len(finite)}


def machine() -> dict[str, Any]:
    """On which the figures were made."""
    return {"cpu": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}


def table(figures: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """A figure a line, those of a group below its name."""
    for key, value in figures.items():
        if isinstance(value, dict):
            yield f"{indent}{key}"
            yield from table(cast(dict[str, Any], value), f"{indent}  ")
        else:
            yield f"{indent}{key:32} {value}"
