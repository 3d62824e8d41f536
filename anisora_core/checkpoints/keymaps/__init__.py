"""Foreign names as data: one table per source format, `{i}` for the block index and `{wb}` for weight or bias."""

from __future__ import annotations

import re
from collections.abc import Mapping


def rename(key: str, table: Mapping[str, str]) -> str | None:
    """The other side's name for `key`, or None when the table does not know it."""
    for pattern, target in table.items():
        regex = re.escape(pattern).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\{wb\}", "(?P<wb>weight|bias)")
        match = re.fullmatch(regex, key)
        if match:
            return target.format(**match.groupdict())
    return None


def inverted(table: Mapping[str, str]) -> dict[str, str]:
    return {target: source for source, target in table.items()}
