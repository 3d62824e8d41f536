"""The one reader of JSON that others wrote: files and texts; what is wrong with one is a ValueError of one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

#: Bytes. The longest workflows, with their pictures inside, have some ten million.
_LONGEST = 200_000_000


def parse_json(text: str | bytes, *, only_finite: bool = True) -> Any:
    """A byte-order mark before it is no fault; numbers that are not finite are, if `only_finite`. ValueError says what is wrong,
    and where.
    """
    special: dict[str, Any] = {"parse_constant": _refused, "parse_float": _finite} if only_finite else {}
    try:
        whole = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        return json.loads(whole, **special)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text, at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"it is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: Path) -> Any:
    """ValueError for a file that is not there, is a folder or a pipe, or holds something else. It does not name the file."""
    try:
        if not path.exists():
            raise ValueError("it does not exist")
        if not path.is_file():  # a pipe would never end
            raise ValueError("it is not a file")
        if path.stat().st_size > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST // 1_000_000} MB")
        return parse_json(path.read_bytes())
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value
