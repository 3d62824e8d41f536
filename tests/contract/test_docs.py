"""The pages for developers say what is there: their links, the files they name, and the rooms in table and picture."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACK = Path(__file__).parents[2]
PAGES = sorted([*PACK.glob("*.md"), *(PACK / "docs").glob("*.md")])
ARCHITECTURE = PACK / "docs" / "architecture.md"
#: Rows of rooms, as the test of imports has them.
ORDER: tuple[tuple[str, ...], ...] = ast.literal_eval(
    re.search(r"^ORDER = (\(.*?^\))", (PACK / "tests/contract/test_pack.py").read_text(), re.M | re.S)[1]
)
ROOMS = [room for row in ORDER for room in row]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_are_named_exist(name):
    """Paths below the root or below the core; lists of an earlier commit have no endings."""
    paths = re.findall(r"`([\w.]+/[\w./]+\.(?:py|js|ts|json|md))`", (PACK / name).read_text("utf-8"))
    known = [path for path in paths if "NAME" not in path]
    assert len(known) > 15
    assert not [
        path for path in known if not any((base / path).exists() for base in (PACK, PACK / "anisora_core"))
    ]


def test_the_table_of_rooms_has_each_of_them():
    rows = re.findall(r"^\| `([\w.]+)` \|", ARCHITECTURE.read_text("utf-8"), re.MULTILINE)
    assert sorted(row.removesuffix(".py") for row in rows) == sorted(ROOMS)


def test_the_picture_has_the_rooms_in_their_order():
    """Those of a row of `ORDER` are below all of the next one."""
    picture = (PACK / "docs" / "pictures" / "architecture.svg").read_text("utf-8")
    drawn = re.findall(r'y="([\d.]+)"><tspan class="name">(\w+)</tspan>', picture)
    heights = {name: round(float(y) / 10) for y, name in drawn if name in ROOMS}
    assert sorted(heights) == sorted(ROOMS)
    for upper, lower in zip(ORDER[1:], ORDER, strict=False):
        assert max(heights[room] for room in upper) < min(heights[room] for room in lower)
