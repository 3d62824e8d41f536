"""Figures that are published know what they were made from, and those out of date are listed by name among the skipped tests."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from provenance import RESULTS, SOURCES, Sources, changed_files, depends_on, sources_of, tracked_files

NAMES = sorted(path.stem for path in RESULTS.glob("*.json"))


@cache
def files_now() -> dict[str, str]:
    return tracked_files()


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_of_the_present_files(name: str):
    result = json.loads((RESULTS / f"{name}.json").read_text())
    assert "depends_on" in result, "save it with benchmarks/publish.py, which says what it depends on"
    made_from = result["depends_on"]
    assert len(made_from["sha256"]) == 64
    if not files_now():
        pytest.skip("not a git checkout: nothing to compare the results with")
    if made_from != depends_on(name, files_now()):
        commit = result["commit"]
        changed = len(changed_files(name, commit, files_now())) or "some"
        pytest.skip(
            f"out of date: results/{name}.json is of {commit[:7]}; {changed} files it depends on changed"
        )


@pytest.mark.skipif(not files_now(), reason="not a git checkout: there is no list of its files")
@pytest.mark.parametrize("name", SOURCES)
def test_what_a_result_depends_on_is_there(name: str):
    for start in (*SOURCES[name].of, *SOURCES[name].without):
        assert any(path.startswith(start) for path in files_now()), start


def test_a_hash_tells_files_and_contents():
    name, files = (
        "style_lora_ink",
        {"anisora_core/a.py": "1", "benchmarks/style_lora.py": "2", "README.md": "3"},
    )
    assert sources_of(name) == SOURCES["style_lora"]
    known = depends_on(name, files)
    assert known["files"] == 2
    assert depends_on(name, files | {"README.md": "4"}) == known
    for change in ({"anisora_core/a.py": "5"}, {"anisora_core/b.py": "1"}):
        assert depends_on(name, files | change) != known
    assert not Sources(("a/",), ("a/b/",)).include("a/b/c.py")
    with pytest.raises(KeyError):
        sources_of("unheard_of")
