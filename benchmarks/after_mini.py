"""Makes everything again that rests on mini's weights, after they were replaced: `python benchmarks/after_mini.py --art DIR`.

Golden latents, the small and the large pictures, and the figures that need only mini. Each step is a command of its own; one that was done with
the present weights and files is left out, so a stopped run continues. `--list` says what is out of date and runs nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from comfyui_anisora.anisora_core.domain.atomic_write import write_beside
from provenance import PACK

CARD = "anisora_core/assets/mini/card.json"
#: Which steps were done with which weights; not a result, so not in `results`.
DONE = PACK / "benchmarks" / "data" / "after_mini.json"


@dataclass(frozen=True)
class Remake:
    """`command`: after python; DIR is the folder of --art, as shared/art. `minutes`: on two cores, roughly. `needs_host`: ComfyUI and Chromium."""

    name: str
    command: tuple[str, ...]
    minutes: int
    needs_host: bool = False


REMAKES: tuple[Remake, ...] = (
    Remake("golden", ("tests/golden/test_mini.py", "--regenerate"), 1),
    Remake("small pictures", ("benchmarks/demo.py", "--all"), 2),
    Remake("control", ("benchmarks/control.py", "--clips", "64", "--save"), 40),
    Remake(
        "art",
        ("benchmarks/control.py", "--art", "DIR/clips", "--shown", "DIR/style_c_anime_vn", "--save"),
        10,
    ),
    Remake("keeps", ("benchmarks/keeps.py", "--drawings", "DIR", "--save"), 5),
    Remake("keeps calibration", ("benchmarks/keeps.py", "--drawings", "DIR", "--calibrate", "--save"), 5),
    Remake("keeps control", ("benchmarks/keeps.py", "--drawings", "DIR", "--control", "--save"), 15),
    Remake("style LoRA", ("benchmarks/style_lora.py", "--save"), 60),
    Remake("motion area LoRA", ("benchmarks/motion_area_lora.py", "--save"), 60),
    Remake("curriculum", ("benchmarks/curriculum.py", "--save"), 60),
    Remake("host", ("benchmarks/host.py", "--save"), 10, needs_host=True),
    Remake("large pictures", ("benchmarks/screenshots.py",), 5, needs_host=True),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--art", type=Path, help="folder of drawings and clips, for the steps that need one")
    parser.add_argument("--list", action="store_true", help="say what is out of date")
    parser.add_argument("--only", nargs="+", choices=[remake.name for remake in REMAKES], metavar="NAME")
    options = parser.parse_args(arguments)
    weights = hashlib.sha256((PACK / CARD).read_bytes()).hexdigest()
    wanted = [remake for remake in REMAKES if not options.only or remake.name in options.only]
    missing = [remake for remake in wanted if read_done().get(remake.name) != weights]
    for remake in wanted:
        state = f"out of date, {remake.minutes} minutes" if remake in missing else "made with these weights"
        print(f"{remake.name:20} {state}")
    if options.list:
        return 0
    failed = [remake.name for remake in missing if not make(remake, options.art, weights)]
    if failed:
        print(f"not made: {', '.join(failed)}")
    return bool(failed)


def make(remake: Remake, art: Path | None, weights: str) -> bool:
    """Whether it was made. What its command prints is shown."""
    if art is None and any("DIR" in word for word in remake.command):
        print(f"{remake.name}: give the folder of drawings with --art")
        return False
    command = [sys.executable, *(word.replace("DIR", str(art)) for word in remake.command)]
    print("$ python", *command[1:], flush=True)
    if subprocess.run(command, cwd=PACK).returncode:
        return False
    remember({**read_done(), remake.name: weights})
    return True


def read_done() -> Mapping[str, str]:
    return json.loads(DONE.read_text("utf-8")) if DONE.exists() else {}


def remember(done: Mapping[str, str]) -> None:
    with write_beside(DONE) as part:
        part.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
