"""Our objects in every real ComfyUI found (COMFYUI_PATH): `python benchmarks/host.py --json [--save]`.

Largest differences in float32 between our sampler, the host's, and the core without a host; partial loading, LoRA, VAE,
scaled fp8; seconds to import the pack, and resident memory over twenty prompts.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "host"))
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.workflow import override, read_workflow, to_api
from hosts import PACK, find_hosts, python_of, running
from publish import add_options, publish
from tiny_models import write_models


def numbers(host: Path, base: Path) -> dict[str, Any]:
    """What tests/host/measure_native.py measures inside the host's Python."""
    write_models(base / "models")
    script = str(PACK / "tests" / "host" / "measure_native.py")
    command = [python_of(host), script, str(host), str(PACK), str(base)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = [line for line in made.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT "))


def session(host: Path, base: Path) -> dict[str, Any]:
    """A server of its own: how long the pack took to import, and memory after each of 20 prompts of changing size."""
    resident: list[float] = []
    with running(host, base) as server:
        log = server.log.read_text()
        for number in range(20):
            nodes = read_workflow(PACK / "workflows" / "image_to_video.json", NODE_CLASS_MAPPINGS)
            length, width = (5, 9, 17)[number % 3], (128, 64)[number % 2]
            for setting in ("Sampler.steps=1", f"Timeline.length={length}", f"Timeline.width={width}"):
                override(nodes, f"AniSora{setting}", NODE_CLASS_MAPPINGS)
            override(nodes, "AniSoraTimeline.height=128", NODE_CLASS_MAPPINGS)
            override(nodes, f"AniSoraSampler.seed={number}", NODE_CLASS_MAPPINGS)
            assert server.run(to_api(nodes))["status"]["status_str"] == "success"
            resident.append(round(server.resident_megabytes(), 1))
    line = next(line for line in log.splitlines() if "seconds" in line and "AniSora" in line)
    return {
        "import_seconds": float(re.search(r"([\d.]+) seconds", line)[1]),  # type: ignore[index]
        "resident_mb": resident,
        "resident_growth_after_third": round(resident[-1] / resident[2] - 1.0, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    options = parser.parse_args()
    hosts = find_hosts()
    if not hosts:
        raise SystemExit("no ComfyUI found: set COMFYUI_PATH")
    rows: dict[str, Any] = {}
    for host in hosts:
        version = re.search(r'__version__ = "(.+)"', (host / "comfyui_version.py").read_text())
        assert version is not None
        with tempfile.TemporaryDirectory() as folder:
            rows[version[1]] = {
                **numbers(host, Path(folder)),
                **session(host, Path(folder) / "session"),
            }
    publish({"hosts": rows}, "host", options)


if __name__ == "__main__":
    main()
