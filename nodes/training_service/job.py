"""A LoRA training as a process of its own: the host stays responsive, and all memory comes back when it ends."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE
from typing import IO, cast

import torch

from ...anisora_core.domain.atomic_write import write_beside
from ...anisora_core.domain.release import Part
from ...anisora_core.generation.loading import Files
from ...anisora_core.training.engine.events import Event, Stepped, from_json, to_json
from ...anisora_core.training.engine.stop_signals import stop_requests
from ...anisora_core.training.lora.recipe import LoraRecipe, recipe_from
from ...anisora_core.training.lora.resume import own_path
from ...anisora_core.training.lora.stages import Place, files_made, is_done, stages_of
from ...anisora_core.training.lora.trainer import train_lora

#: Run by path, so that it is found in any Python, the embedded one of Windows' ComfyUI included.
CHILD = Path(__file__).with_name("process.py")
#: Seconds between looks for the user's interrupt.
LOOK_EVERY = 0.25
#: Starts the line that says what went wrong; all other lines are events.
_FAILED = "failed: "


@dataclass(frozen=True)
class TrainingJob:
    """What a training process is to do, as a file of JSON. `drawings`: what the folder held, to recognise it."""

    recipe: LoraRecipe
    place: Place
    drawings: str = ""

    @property
    def paths(self) -> list[Path]:
        """Its LoRA files, made or to be made: NAME_2 where another training has left a NAME."""
        return [own_path(path, self.recipe, self.place.run) for path in files_made(self.recipe, self.place)]

    @property
    def folders(self) -> list[Path]:
        return [stage.folder(self.place.run) for stage in stages_of(self.recipe)]

    @property
    def is_done(self) -> bool:
        return is_done(self.recipe, self.place.run)

    def save(self) -> Path:
        said = {
            "recipe": asdict(self.recipe),
            "loras": str(self.place.loras),
            "run": str(self.place.run),
            "files": {part: str(file) for part, file in self.place.files.items()},
            "device": str(self.place.device),
            "dtype": str(self.place.dtype).removeprefix("torch."),
            "tokenizer_folder": self.place.tokenizer_folder and str(self.place.tokenizer_folder),
            "drawings": self.drawings,
        }
        path = job_path(self.place.run)
        with write_beside(path) as part:
            part.write_text(json.dumps(said), "utf-8")
        return path


def job_path(run: Path) -> Path:
    return run / "job.json"


def read_job(path: Path) -> TrainingJob:
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
    return TrainingJob(recipe_from(said["recipe"]), place, said["drawings"])


def serve(path: Path) -> int:
    """In the process: events as lines of JSON on the standard output, until done, asked to end, or the standard input closes."""
    # Ctrl-C in a terminal reaches us too; the process that started us decides
    with stop_requests(signal.SIGINT) as stop:
        return _serve(path, stop)


def _serve(path: Path, stop: threading.Event) -> int:
    output = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what libraries print is not an event

    def wait_for_stop() -> None:
        os.read(
            0, 1
        )  # nothing is ever written; it closes when the process that started us wants to stop, or is gone
        stop.set()

    def send(line: str) -> None:
        try:
            output.write(line + "\n")
            output.flush()
        except OSError:
            stop.set()

    threading.Thread(target=wait_for_stop, daemon=True).start()
    job = read_job(path)
    try:
        for event in train_lora(job.recipe, job.place, stop.is_set):
            send(to_json(event))
    except (ValueError, OSError) as error:
        send(_FAILED + json.dumps(str(error)))
        return 2
    return 0


def run_apart(job: TrainingJob) -> Generator[Event | None]:
    """Train in a process; yields its events, and None while there is none. When closed, it lets the process save, and waits.

    ValueError with the message of the process when it fails.
    """
    log = job.place.run / "log.txt"
    command = [sys.executable, str(CHILD), str(job.save())]
    with (
        log.open("ab") as written,
        subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        lines: queue.Queue[bytes] = queue.Queue()
        last: deque[bytes] = deque([b"no message"], maxlen=1)
        readers = [
            threading.Thread(target=_forward, args=(process.stdout, lines), daemon=True),
            threading.Thread(target=_record, args=(process.stderr, written, last), daemon=True),
        ]
        for reader in readers:
            reader.start()
        has_begun = False
        try:
            for line in _until_end(lines):
                if line and line.startswith(_FAILED):
                    raise ValueError(json.loads(line.removeprefix(_FAILED)))
                event = from_json(line) if line else None
                has_begun = has_begun or isinstance(event, Stepped)
                yield event
        except BaseException:
            if has_begun:
                process.stdin.close()  # asks it to save and end
            else:
                process.kill()  # there is nothing to save
            raise
        finally:
            process.wait()
            for reader in readers:
                reader.join()
        if process.returncode != 0:
            raise ValueError(_died(process.returncode, last[0].decode(errors="replace"), log))


def _forward(source: IO[bytes], lines: queue.Queue[bytes]) -> None:
    for line in source:
        lines.put(line)
    lines.put(b"")


def _record(source: IO[bytes], log: IO[bytes], last: deque[bytes]) -> None:
    for line in source:
        log.write(line)
        log.flush()
        if line.strip():
            last.append(line.strip())


def _until_end(lines: queue.Queue[bytes]) -> Generator[str]:
    """Lines, and "" while there is none."""
    while True:
        try:
            line = lines.get(timeout=LOOK_EVERY)
        except queue.Empty:
            yield ""
            continue
        if not line:
            return
        yield line.decode("ascii").strip()


def _died(code: int, last: str, log: Path) -> str:
    if code == -9:
        return f"training was ended by the system, most likely because memory ran out; lower batch_size in options ({log})"
    return f"training ended with code {code}: {last[:300]} (the whole message is in {log})"
