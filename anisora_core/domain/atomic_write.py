"""The one writer of files: whole or not at all, on the disk when it returns, and nothing left behind by processes that died.

A file is written under a hidden name beside its place, flushed to the disk (fsync), renamed, and the folder flushed, since
a rename is a change of the folder. After a power cut the file is the old one or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

#: What stands in the names of files that are being written: the machine, the process, and a number of its own.
_MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
#: Earlier versions wrote `.NAME.PID.part.SUFFIX`.
_PART = re.compile(r"\..+\.(?:(?P<machine>[0-9a-f]{6})-)?(?P<pid>\d+)(?:-[0-9a-f]{8})?\.part(?:\.[^.]*)?")
#: The longest name that every file system takes has 255 bytes; a hidden name is this much of the file's, and 40 more.
_STEM_BYTES = 180
#: Files that this process is writing, and folders that it has cleaned.
_being_written: set[Path] = set()
_cleaned: set[Path] = set()
#: Bytes that must be free for a file to be begun.
_ROOM = 1 << 20
_FAILURES = frozenset(
    (errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENODEV,
     errno.ENOENT, errno.ENOSPC, errno.ENOTDIR, errno.ENXIO, errno.EPERM, errno.EROFS, errno.ESTALE)
)  # fmt: skip

#: What stands in the errors of torch.save when its file takes no more, which name no reason.
_TORCH_SAVE = ("inline_container.cc", "PytorchStreamWriter failed", "iostream error")


class CannotWrite(OSError):
    """A file that could not be written: the reason and the remedy, in one line with the name that was asked for."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{str(path)!r} cannot be written: {reason}; make room, or choose another place")


@contextmanager
def write_beside(path: Path, *, previous: Path | None = None) -> Generator[Path]:
    """A temporary path beside `path`, renamed onto it on success and removed on failure. Keeps the suffix.

    `previous`: where the file that was at `path` goes; without it, that file is replaced. CannotWrite when the disk is full,
    read-only or gone; whatever else is raised inside is raised.
    """
    with _failures_of(path), _part_of(path) as part:
        yield part
        _flush(part)
        if previous is not None and path.exists():
            path.replace(previous)
        part.replace(path)
        _flush_folder(path.parent)


@contextmanager
def write_numbered(folder: Path, prefix: str, suffix: str) -> Generator[NumberedFile]:
    """Like `write_beside`, for the first free name `PREFIX_00001_SUFFIX`, which two processes never both get.

    Write to its `part`; its `path` is known when the block is left.
    """
    file = NumberedFile()
    with _failures_of(folder / f"{prefix}_{suffix}"), _part_of(folder / f"{prefix}_{suffix}") as part:
        file.part = part
        yield file
        _flush(part)
        number = 1
        while not _placed(part, path := folder / f"{prefix}_{number:05}_{suffix}"):
            number += 1
        file.path = path
        _flush_folder(path.parent)


class NumberedFile:
    """What `write_numbered` writes: at `part`, and then found at `path`."""

    part: Path
    path: Path


def try_place(path: Path, room: int = _ROOM) -> None:
    """CannotWrite when a file of `room` bytes could not be written to `path` now. Leaves nothing; folders are not made."""
    with _failures_of(path):
        with contextlib.suppress(FileNotFoundError):
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):
                raise CannotWrite(path, "it is a folder" if stat.S_ISDIR(mode) else "it is a device or pipe")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir():
            raise CannotWrite(path, f"{str(folder)!r} is a file, not a folder")
        free = shutil.disk_usage(folder).free
        if free < room:
            raise CannotWrite(path, f"{free / 1e6:.0f} MB are free, {room / 1e6:.0f} MB are needed")
        with _part_of(folder / path.name) as part:
            part.write_bytes(bytes(min(room, _ROOM)))
            _flush(part)


@contextmanager
def _part_of(path: Path) -> Generator[Path]:
    """The hidden name; removed when the block is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    stem = path.stem.encode()[:_STEM_BYTES].decode(errors="ignore")
    suffix = path.suffix if len(path.suffix) < 20 else ""
    part = path.with_name(f".{stem}.{_MACHINE}-{os.getpid()}-{secrets.token_hex(4)}.part{suffix}")
    _being_written.add(part)
    try:
        yield part
    finally:
        _being_written.discard(part)
        with contextlib.suppress(OSError):  # a folder that is gone or closed now has raised its own error
            part.unlink(missing_ok=True)


@contextmanager
def _failures_of(path: Path) -> Generator[None]:
    """What a disk does to a writer, said of `path` instead of its hidden name. Libraries have exceptions of their own for it."""
    try:
        yield
    except CannotWrite:
        raise
    except OSError as error:
        if error.errno is None or error.errno not in _FAILURES or not _is_about(error, path):
            raise
        raise CannotWrite(path, os.strerror(error.errno)) from error
    except Exception as error:
        code = re.search(r"\(os error (\d+)\)", str(error))  # safetensors
        if code is not None and int(code[1]) in _FAILURES:
            raise CannotWrite(path, os.strerror(int(code[1]))) from error
        if any(word in str(error) for word in _TORCH_SAVE):
            raise CannotWrite(path, "the disk is full or gone") from error
        raise


def _is_about(error: OSError, path: Path) -> bool:
    """Whether it names `path`, its part or one of its folders, or nothing at all as `write` does; else a source could not be read."""
    if not isinstance(error.filename, str):
        return True
    named = Path(error.filename)
    return named == path or named in path.parents or _PART.fullmatch(named.name) is not None


def _placed(part: Path, path: Path) -> bool:
    """Whether `part` has become `path`, which is never replaced."""
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        part.replace(path)
    return True


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Where the system can: Windows opens no folders, and some network file systems do not flush them."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Parts of processes of this machine that are no more; once for each folder, as folders can be large."""
    if folder in _cleaned:
        return
    _cleaned.add(folder)
    for path in folder.glob(".*.part*"):
        found = _PART.fullmatch(path.name)
        if found and found["machine"] in (None, _MACHINE) and path not in _being_written:
            pid = int(found["pid"])
            if pid == os.getpid() or not _is_alive(pid):  # containers give the same number again
                with contextlib.suppress(OSError):
                    path.unlink()


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # asking would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
