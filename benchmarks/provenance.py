"""Which files each result was made from. A hash of them lies in every file of `results`, so that those out of date can be named.

tests/contract/test_results.py compares the hash with the files as they are now. What is out of date is not wrong: it says that nobody has measured again
since something that the figures depend on has changed.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACK = Path(__file__).resolve().parents[1]
RESULTS = PACK / "benchmarks" / "results"
#: What makes a clip needs none of these.
NO_CLIPS = ("anisora_core/training/",)
NO_WEIGHTS = ("anisora_core/assets/", "anisora_core/data/", "anisora_core/evaluation/")


@dataclass(frozen=True)
class Sources:
    """Beginnings of the paths of files that a result depends on, and of those that it does not."""

    of: tuple[str, ...]
    without: tuple[str, ...] = ()

    def include(self, path: str) -> bool:
        return path.startswith(self.of) and not path.startswith(self.without)


#: What a result's name begins with -> its sources.
SOURCES = {
    "art": Sources(("anisora_core/", "benchmarks/control.py"), NO_CLIPS),
    "browser": Sources(("nodes/", "subgraphs/", "tests/browser/", "web/", "workflows/")),
    "control": Sources(("anisora_core/", "benchmarks/control.py"), NO_CLIPS),
    "curriculum": Sources(("anisora_core/", "benchmarks/curriculum.py")),
    "host": Sources(
        ("anisora_core/", "nodes/", "benchmarks/host.py", "tests/host/measure_native.py"), NO_CLIPS
    ),
    "keeps": Sources(
        ("anisora_core/", "benchmarks/keeps.py", "benchmarks/data/held_out_drawings.json"), NO_CLIPS
    ),
    "loading": Sources(("anisora_core/", "benchmarks/loading.py"), (*NO_CLIPS, *NO_WEIGHTS)),
    "long_shots": Sources(("anisora_core/", "benchmarks/long_shots.py"), NO_CLIPS),
    "lora_memory": Sources(("anisora_core/", "benchmarks/lora_memory.py"), NO_WEIGHTS),
    "motion_area_lora": Sources(("anisora_core/", "benchmarks/motion_area_lora.py")),
    "same": Sources(("anisora_core/", "cli/", "nodes/", "benchmarks/same.py")),
    "style_lora": Sources(("anisora_core/", "benchmarks/style_lora.py", "nodes/illustrations/")),
}


def sources_of(result: str) -> Sources:
    """Those of the longest name that `result` begins with. KeyError for a result without any."""
    return SOURCES[max((name for name in SOURCES if result.startswith(name)), key=len, default=result)]


def tracked_files(commit: str = "") -> dict[str, str]:
    """Tracked file -> git's hash of its content, at a commit or as it is now. {} where git does not know them."""
    if commit:
        rows = git("ls-tree", "-r", "-z", commit).split("\0")
        return {path: facts.split()[2] for facts, tab, path in (row.partition("\t") for row in rows) if tab}
    paths = [path for path in git("ls-files", "-z").split("\0") if path and (PACK / path).is_file()]
    hashes = git("hash-object", "--stdin-paths", stdin="\n".join(paths)).split() if paths else []
    return dict(zip(paths, hashes, strict=True))


def depends_on(result: str, files: Mapping[str, str]) -> dict[str, str | int]:
    """How many of `files` the result depends on, and a hash of their names and contents."""
    sources = sources_of(result)
    lines = sorted(f"{path} {content}\n" for path, content in files.items() if sources.include(path))
    return {"files": len(lines), "sha256": hashlib.sha256("".join(lines).encode()).hexdigest()}


def changed_files(result: str, commit: str, files: Mapping[str, str]) -> list[str]:
    """Those that the result depends on and that are not as they were at `commit`; [] if git does not know it."""
    before = tracked_files(commit)
    paths = before.keys() | files.keys() if before else set[str]()
    sources = sources_of(result)
    return sorted(path for path in paths if sources.include(path) and before.get(path) != files.get(path))


def git(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=PACK, input=stdin, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else ""
