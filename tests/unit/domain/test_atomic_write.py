"""Files are whole or not there, under every failure of the disk and wherever the process dies."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from comfyui_anisora.anisora_core.domain import atomic_write
from comfyui_anisora.anisora_core.domain.atomic_write import (
    CannotWrite,
    try_place,
    write_beside,
    write_numbered,
)
from failing_disk import FAILURES, Died, each_failure
from safetensors import SafetensorError


@pytest.fixture(autouse=True)
def _a_new_process(monkeypatch):
    monkeypatch.setattr(atomic_write, "_cleaned", set())


@pytest.mark.parametrize("failure", FAILURES)
def test_at_every_call_the_file_is_the_old_or_the_new_one(tmp_path, monkeypatch, failure):
    path = tmp_path / "a.txt"

    def write():
        atomic_write._cleaned.clear()
        atomic_write._being_written.clear()
        with write_beside(path) as part:
            part.write_text("new")

    path.write_text("old")
    tried = 0
    for error in each_failure(write, FAILURES[failure]):
        tried += 1
        assert path.read_text() in ("old", "new")
        assert isinstance(error, Died if failure == "killed" else CannotWrite)
        if failure != "killed":
            assert "\n" not in str(error)
            assert ".part" not in str(error)
            assert repr(str(path)) in str(error)
        path.write_text("old")
    assert tried >= 5  # opened, written, flushed, renamed, folder flushed
    write()
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]  # nothing of any of the attempts


@pytest.mark.parametrize("failure", FAILURES)
def test_at_every_call_the_newest_or_the_previous_state_is_whole(tmp_path, failure):
    path, previous = tmp_path / "state", tmp_path / "previous"
    number = last = 0

    def write():
        with write_beside(path, previous=previous) as part:
            part.write_text(str(number))

    write()
    for _ in each_failure(write, FAILURES[failure]):
        newest = max(int(file.read_text()) for file in (path, previous) if file.exists())
        assert newest in (last, number)  # as before this attempt, or what it wrote
        last, number = newest, number + 1
    assert number > 5


def test_file_and_folder_are_flushed_before_and_after_the_rename(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: seen.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *names: (seen.append("renamed"), replace(*names)))
    with write_beside(tmp_path / "a.txt") as part:
        part.write_text("a")
    assert len(seen) == 3
    assert ".part" in seen[0]
    assert seen[1:] == ["renamed", str(tmp_path)]


def test_parts_of_dead_processes_are_removed_and_no_others(tmp_path):
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    pid = int(dead.stdout)
    machine = atomic_write._MACHINE
    gone = [
        f".a.{pid}.part.mp4",
        f".a.{machine}-{pid}-00000000.part.mp4",
        f".a.{machine}-{os.getpid()}-00000000.part",
    ]
    kept = [
        f".a.{machine}-{os.getppid()}-00000000.part",
        f".a.ffffff-{pid}-00000000.part",
        ".part",
        ".a.part.txt",
        "a.1.part",
    ]
    for name in [*gone, *kept]:
        (tmp_path / name).write_bytes(b"half")
    with write_beside(tmp_path / "b.txt") as part:
        part.write_text("b")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "b.txt"])


def test_two_at_once_never_get_the_same_number(tmp_path):
    def write(index):
        with write_numbered(tmp_path, "clip", ".mp4") as file:
            file.part.write_text(str(index))
        return file.path

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(write, range(40)))
    assert sorted(paths) == sorted(tmp_path.glob("clip_*_.mp4"))
    assert [path.read_text() for path in paths] == list(map(str, range(40)))
    assert len(os.listdir(tmp_path)) == 40


def test_a_disk_without_links_numbers_too(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    test_two_at_once_never_get_the_same_number(tmp_path)


def test_libraries_that_have_their_own_errors_for_a_full_disk(tmp_path):
    """Linux has a device that is always full."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")

    def attempt(write):
        with write_beside(tmp_path / "a.pt") as part:
            part.symlink_to("/dev/full")
            write(part)

    def full(write):
        with pytest.raises(CannotWrite, match=r"a\.pt' cannot be written: .*; make room"):
            attempt(write)
        assert not os.listdir(tmp_path)

    full(lambda part: part.write_bytes(bytes(100_000)))
    full(lambda part: torch.save({"a": torch.zeros(100_000)}, part))


def test_safetensors_error_for_a_full_disk(tmp_path):
    text = "Error while serializing: I/O error: No space left on device (os error 28)"
    with (
        pytest.raises(CannotWrite, match=r"a\.pt' cannot be written: No space"),
        write_beside(tmp_path / "a.pt"),
    ):
        raise SafetensorError(text)


def test_a_source_that_is_missing_is_not_said_of_the_target(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.txt"), write_beside(tmp_path / "a.txt"):
        (tmp_path / "other" / "gone.txt").read_text()


@pytest.mark.parametrize("name", ["夜" * 83, "a" * 251])
def test_names_as_long_as_a_file_system_takes(tmp_path, name):
    with write_beside(tmp_path / f"{name}.mp4") as part:
        part.write_text("a")
    assert len(os.listdir(tmp_path)) == 1


def test_places_where_nothing_can_be_written(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("a")
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, what in {
        "folder.mp4": "it is a folder",
        "pipe.mp4": "it is a device or pipe",
        "file/clip.mp4": "Not a directory",
        "a" * 300 + ".mp4": "File name too long",
    }.items():
        with pytest.raises(CannotWrite, match=f"cannot be written: .*({what})"):
            try_place(tmp_path / name)
    with pytest.raises(CannotWrite, match=r"MB are free, .* MB are needed"):
        try_place(tmp_path / "a.mp4", room=1 << 60)
    try_place(tmp_path / "new" / "folders" / "a.mp4")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.mp4", "pipe.mp4"]
