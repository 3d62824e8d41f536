"""A LoRA training as a process of its own: the host stays responsive, and all memory comes back when it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

import torch

from ...anisora_core.files import write_beside
from ...anisora_core.loading import Files
from ...anisora_core.releases import Part
from ...anisora_core.training.lora.events import Event, from_json, to_json
from ...anisora_core.training.lora.recipe import Recipe, recipe_from
from ...anisora_core.training.lora.trainer import Place, train_lora

PACK = Path(__file__).parents[2]
#: Run by path, so that it is found in any Python, the embedded one of Windows' ComfyUI included.
_CHILD = Path(__file__).with_name("trainer_process.py")


@dataclass(frozen=True)
class Job:
    """What a training process is asked, as a file of JSON."""

    recipe: Recipe
    place: Place

    def save(self, path: Path) -> None:
        said = {
            "recipe": asdict(self.recipe),
            "loras": str(self.place.loras),
            "run": str(self.place.run),
            "files": {part: str(file) for part, file in self.place.files.items()},
            "device": str(self.place.device),
            "dtype": str(self.place.dtype).removeprefix("torch."),
            "tokenizer_folder": self.place.tokenizer_folder and str(self.place.tokenizer_folder),
        }
        with write_beside(path) as part:
            part.write_text(json.dumps(said), "utf-8")


def read_job(path: Path) -> Job:
    said = json.loads(path.read_text("utf-8"))
    files: Files = {cast(Part, part): Path(file) for part, file in said["files"].items()}
    tokenizers = said["tokenizer_folder"]
    place = Place(
        loras=Path(said["loras"]),
        run=Path(said["run"]),
        files=files,
        device=torch.device(said["device"]),
        dtype=getattr(torch, said["dtype"]),
        tokenizer_folder=Path(tokenizers) if tokenizers else None,
    )
    return Job(recipe_from(said["recipe"]), place)


def serve(path: Path) -> None:
    """In the process: events as lines of JSON on the standard output, until done or the standard input closes."""
    stop = threading.Event()

    def listen() -> None:
        sys.stdin.buffer.read()  # nothing comes; it ends when the host says stop, or is gone
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    job = read_job(path)
    for event in train_lora(job.recipe, job.place, stop.is_set):
        sys.stdout.write(to_json(event) + "\n")
        sys.stdout.flush()


def run_apart(job: Job, should_stop: Callable[[], None]) -> Iterator[Event]:
    """Train in a process; yields its events. `should_stop` raises when the user interrupts: the process then saves and ends.

    ValueError with the last line of what the process said when it fails.
    """
    path = job.place.run / "job.json"
    job.save(path)
    with (
        (job.place.run / "log.txt").open("ab") as log,
        subprocess.Popen(
            [sys.executable, str(_CHILD), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdin is not None
        said: deque[str] = deque(maxlen=40)
        reader = threading.Thread(target=_keep, args=(process.stderr, log, said), daemon=True)
        reader.start()
        try:
            for line in process.stdout:
                yield from_json(line.decode())
                should_stop()
        except BaseException:
            process.stdin.close()  # asks it to save and stop; `with` waits
            for _ in process.stdout:
                pass
            raise
        reader.join()
        if process.wait() != 0:
            raise ValueError(
                said[-1] if said else f"the training process ended with {process.returncode}; see {log.name}"
            )


def _keep(source: IO[bytes], log: IO[bytes], said: deque[str]) -> None:
    for line in source:
        log.write(line)
        text = line.decode(errors="replace").strip()
        if text:
            said.append(text)
