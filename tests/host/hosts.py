"""Real ComfyUI checkouts to test in, and one of them running with the pack in a folder of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

PACK = Path(__file__).parents[2]


def find_hosts() -> list[Path]:
    """COMFYUI_PATH (a path list), else the folders the pack lies in, else where comfy-cli puts them."""
    named = [Path(p) for p in os.environ.get("COMFYUI_PATH", "").split(os.pathsep) if p]
    above = [p for p in PACK.parents if is_host(p)]
    usual = [Path.home() / "comfy" / name for name in ("ComfyUI", "ComfyUI-0.33")]
    return [p for p in (named or above or usual) if is_host(p)]


def is_host(path: Path) -> bool:
    return all((path / name).exists() for name in ("main.py", "nodes.py", "comfy", "comfyui_version.py"))


def python_of(host: Path) -> str:
    for name in ("venv", ".venv"):
        if (host / name / "bin" / "python").exists():
            return str(host / name / "bin" / "python")
    return os.environ.get("COMFYUI_PYTHON", "python3")


def result_of(script: Path | str, host: Path, *arguments: Path) -> Any:
    """What a script (a file, or its text) prints after RESULT, as JSON, run with the arguments in the host's Python."""
    command = [str(script)] if isinstance(script, Path) else ["-c", script]
    made = subprocess.run(
        [python_of(host), *command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines = [line for line in made.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, made.stderr[-4000:]
    return json.loads(lines[0].removeprefix("RESULT "))


class Host:
    """A running ComfyUI; `log` is everything it printed."""

    def __init__(self, port: int, log: Path, base: Path, process: int) -> None:
        self.url, self.log, self.base, self.process = f"http://127.0.0.1:{port}", log, base, process

    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.process}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def call(self, route: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + route, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    @contextmanager
    def events(self, client: str) -> Iterator[Connection]:
        """Its messages to a client, as JSON text or binary previews."""
        with connect(f"{self.url.replace('http', 'ws')}/ws?clientId={client}", max_size=None) as socket:
            yield socket

    def run(self, prompt: dict[str, Any], seconds: float = 240.0) -> dict[str, Any]:
        """Queue an API-format prompt and wait for its history entry."""
        return self.wait(self.call("/prompt", {"prompt": prompt})["prompt_id"], seconds)

    def wait(self, key: str, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            history = self.call(f"/history/{key}")
            if key in history and history[key]["status"].get("completed") is not None:
                return history[key]
            time.sleep(0.2)
        raise AssertionError(f"prompt did not end in {seconds} s:\n{self.log.read_text()[-2000:]}")


@contextmanager
def running(host: Path, base: Path, pack: Path | None = PACK) -> Iterator[Host]:
    """Start `host` on the CPU with only our pack, in the folder `base`; stops it at the end.

    `pack` None: with what is in the folder's custom_nodes already. Its allocator gives large buffers back as they are freed, so that its resident memory is what it holds.
    """
    (base / "custom_nodes").mkdir(parents=True, exist_ok=True)
    if pack is not None:
        (base / "custom_nodes" / "ComfyUI-AniSora").symlink_to(pack)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = base / "log.txt"
    command = [python_of(host), "main.py", "--cpu", "--port", str(port), "--base-directory", str(base)]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--disable-api-nodes", "--preview-method", "auto"],
            cwd=host,
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 20)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_ready(process, port, log)
            yield Host(port, log, base, process.pid)
        finally:
            process.terminate()
            process.wait(20)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/system_stats", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"host did not start:\n{log.read_text()[-2000:]}")
