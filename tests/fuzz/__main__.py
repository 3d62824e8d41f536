"""`make fuzz`: 100,000 calls of each target, in rounds whose number is kept, so that it goes on where it stopped."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
from running import run
from targets import all_targets

CALLS_PER_ROUND = 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--only", default="", help="targets whose name has this")
    parser.add_argument("--state", type=Path, default=Path("build/fuzz.json"))
    options = parser.parse_args()
    options.state.parent.mkdir(parents=True, exist_ok=True)
    done = json.loads(options.state.read_text()) if options.state.exists() else {}
    failed = 0
    for name, (target, strategy) in all_targets(Path(tempfile.mkdtemp(prefix="fuzz"))).items():
        if options.only not in name:
            continue
        while (round_number := done.get(name, 0)) * CALLS_PER_ROUND < options.calls:
            since = time.monotonic()
            try:
                run(target, strategy, CALLS_PER_ROUND, round_number)
            except Exception:
                failed += 1
                traceback.print_exc()
            done[name] = round_number + 1
            options.state.write_text(json.dumps(done, indent=1))
            calls = done[name] * CALLS_PER_ROUND
            print(
                f"{name}: {calls} calls, {time.monotonic() - since:.0f} s, {failed} rounds failed", flush=True
            )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
