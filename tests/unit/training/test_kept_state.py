"""A training that is ended from outside, or whose files are damaged, continues from the last step that is whole."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.domain import atomic_write
from comfyui_anisora.anisora_core.training.engine import run_folder
from comfyui_anisora.anisora_core.training.engine.ema import Ema
from comfyui_anisora.anisora_core.training.engine.loop import items, train
from comfyui_anisora.anisora_core.training.engine.run_folder import restore_state, save_state, saved_step
from comfyui_anisora.anisora_core.training.engine.settings import TrainingSettings
from comfyui_anisora.anisora_core.training.engine.stop_signals import STOP_SIGNALS, stop_requests
from comfyui_anisora.anisora_core.training.lora.cache import TextCache
from failing_disk import FAILURES, each_failure
from PIL import Image

SETTINGS = TrainingSettings(steps=6, learning_rate=5e-3, warmup=1, save_every=2, log_every=1, num_workers=0)


class Ones(torch.utils.data.Dataset):
    def __getitem__(self, index):
        return {"x": torch.ones(1)}


def loss(network, batch, rng):
    return network.weight.square().sum(), {}


def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(2, 2)


def trained(folder: Path, steps: int, settings=SETTINGS) -> torch.Tensor:
    model, done = linear(), 0

    def enough() -> bool:
        return done + 1 >= steps

    for report in train(model, Ones(), loss, settings, folder, torch.device("cpu"), enough):
        done = report.step
    return model.weight.detach()


def test_the_state_before_the_newest_is_kept_and_used_when_that_is_damaged(tmp_path):
    whole = trained(tmp_path / "whole", 6)
    folder = tmp_path / "run"
    trained(folder, 4)
    assert saved_step(folder) == 4
    data = (folder / "state.pt").read_bytes()
    for damaged in (b"", data[:100], data[: len(data) // 2], bytes(len(data)), b"text"):
        (folder / "state.pt").write_bytes(damaged)
        assert saved_step(folder) == 2
    assert torch.equal(trained(folder, 6), whole)
    assert saved_step(folder) == 6
    (folder / "state.pt").unlink()  # killed between the two renames
    assert 2 <= saved_step(folder) < 6


def test_a_damaged_state_never_replaces_the_one_that_can_be_read(tmp_path):
    trained(tmp_path, 4)
    previous = (tmp_path / "state.previous.pt").read_bytes()
    (tmp_path / "state.pt").write_bytes(b"cut short")
    model = linear()
    save_state(tmp_path, model, Ema(model, 0.9), [], 5)
    assert (tmp_path / "state.previous.pt").read_bytes() == previous
    assert saved_step(tmp_path) == 5


def test_when_both_are_damaged_it_is_said_and_nothing_is_trained_over(tmp_path):
    trained(tmp_path, 4)
    for name in ("state.pt", "state.previous.pt"):
        (tmp_path / name).write_bytes(b"cut short")
    with pytest.raises(ValueError, match="is damaged, and so is the state before it; the LoRA files"):
        trained(tmp_path, 6)
    assert (tmp_path / "state.pt").read_bytes() == b"cut short"


@pytest.mark.parametrize("failure", FAILURES)
def test_at_every_call_that_fails_a_state_can_be_restored(tmp_path, failure):
    model = linear()
    ema, last, step = Ema(model, 0.9), 1, 1
    save_state(tmp_path, model, ema, [], 1)

    def write():
        atomic_write._cleaned.clear()
        atomic_write._being_written.clear()
        save_state(tmp_path, model, ema, [], step)

    step = 2
    for _ in each_failure(write, FAILURES[failure]):
        restored = restore_state(tmp_path, model, ema, [])
        assert restored in (last, step)
        last, step = restored, step + 1
    assert step > 5


def test_an_entry_of_the_cache_that_cannot_be_read_is_made_again(tmp_path):
    asked = []

    def encode(prompts):
        asked.extend(prompts)
        return torch.ones(1, 2, 3)

    cache = TextCache(tmp_path, "encoder")
    cache.fill(["a", "b"], encode)
    path = cache.path("a")
    data = path.read_bytes()
    for damaged in (b"", data[:-4], data[:12], bytes(len(data)), b"text"):
        path.write_bytes(damaged)
        asked.clear()
        cache.fill(["a", "b"], encode)
        assert asked == ["a"]
        assert torch.equal(cache.read("a"), torch.ones(2, 3))


def test_batches_that_end_while_stopping_are_no_error():
    class Gone(torch.utils.data.Dataset):
        def __getitem__(self, index):
            raise RuntimeError("DataLoader worker (pid 7) exited unexpectedly")

    assert not list(items(Gone(), 0, SETTINGS, lambda: True))
    with pytest.raises(RuntimeError, match="exited"):
        list(items(Gone(), 0, SETTINGS, lambda: False))


def test_batches_that_end_early_leave_a_saved_step(tmp_path):
    class Ending(Ones):
        def __getitem__(self, index):
            if index == 3:
                raise RuntimeError("DataLoader worker (pid 7) exited unexpectedly")
            return {"x": torch.ones(1)}

    calls = iter([False, False, False, True])
    list(train(linear(), Ending(), loss, SETTINGS, tmp_path, torch.device("cpu"), lambda: next(calls)))
    assert saved_step(tmp_path) == 3


def test_signals_ask_once_and_then_end_the_program():
    for number in STOP_SIGNALS:
        found = signal.signal(
            number, signal.SIG_DFL
        )  # a shell starts its background jobs with SIGINT ignored
        try:
            with stop_requests() as stop:
                assert not stop.is_set()
                os.kill(os.getpid(), number)
                assert stop.wait(1)
                assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
            assert signal.getsignal(number) == signal.SIG_DFL
        finally:
            signal.signal(number, found)


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stop_requests(signal.SIGINT) as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop.wait(0.1)
    finally:
        signal.signal(signal.SIGHUP, before)


def drawings(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(noise).resize((64, 64)).save(folder / f"{number}.png")
    return folder


SLOW = [pytest.param(ending, marks=pytest.mark.slow) for ending in ("SIGINT", "SIGHUP", "closed terminal")]


@pytest.mark.parametrize("ending", ["SIGTERM", *SLOW])
def test_a_training_in_a_shell_saves_when_it_is_ended(tmp_path, ending):
    images = drawings(tmp_path / "ink")
    flags = (
        f"--images {images} --name ink --out {tmp_path} --folder {tmp_path / 'run'} --steps 100000 --save-every 100000 "
        "--max-pixels 4096 --length 5 --variants 1 --no-moves --move-share 0 --given-share 0 --still-share 1 --rank 2 "
        "--batch-size 1 --sample-every 0"
    ).split()
    command = [sys.executable, "-m", "comfyui_anisora.cli", "train", "lora", "--json", *flags]
    terminal, theirs = pty.openpty()
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=theirs, stdin=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 120
    while b"step " not in shown and time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):  # it has ended
            shown += os.read(terminal, 4096)
    assert b"step " in shown, shown[-2000:]
    if ending == "closed terminal":
        os.close(terminal)
        process.send_signal(signal.SIGHUP)  # what the system sends to those that the terminal belonged to
    else:
        process.send_signal(getattr(signal, ending))
    assert process.wait(60) == 0
    assert saved_step(tmp_path / "run") > 0
    facts = json.loads((tmp_path / "said").read_text())
    assert facts["note"] == "stopped and saved; the same command continues"
    assert facts["steps"] == saved_step(tmp_path / "run")
    assert (tmp_path / "ink.safetensors").exists()


def test_the_states_have_the_names_that_people_know():
    assert (run_folder._STATE, run_folder._PREVIOUS) == ("state.pt", "state.previous.pt")
