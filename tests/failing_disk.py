"""A disk that fails, or a process that dies, at one chosen call: a writer is tried with each of its calls in turn.

Of Python's calls to the system those that change a file or folder are counted. A process that has died does nothing more, so
every later call fails too, those that clean up included.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

COUNTED = ("open", "replace", "rename", "link", "fsync", "mkdir", "write", "unlink")


class Died(BaseException):
    """In place of `kill -9`."""


class FailingDisk:
    """`calls` of the calls pass; then one fails with `code`, or with None the process dies."""

    def __init__(self, calls: int, code: int | None) -> None:
        self.left, self.code, self.has_died, self.has_failed = calls, code, False, False

    def call(self, done: Callable, *arguments, **named):
        if self.has_died:
            raise Died
        if self.left == 0 and not self.has_failed:
            self.has_failed = True
            if self.code is None:
                self.has_died = True
                raise Died
            raise OSError(self.code, os.strerror(self.code))
        self.left -= not self.has_failed
        return done(*arguments, **named)


@contextmanager
def failing(disk: FailingDisk) -> Iterator[None]:
    real = {name: getattr(os, name) for name in COUNTED}
    real_open = io.open

    def opened(file, mode="r", *arguments, **named):
        if not set(mode) & set("wax+"):
            return real_open(file, mode, *arguments, **named)
        made = disk.call(real_open, file, mode, *arguments, **named)
        real_write = made.write
        try:
            made.write = lambda data: disk.call(real_write, data)
        except AttributeError:  # buffered writers take no attributes
            return Writing(made, disk)
        return made

    try:
        for name in COUNTED:
            setattr(os, name, lambda *a, _name=name, **k: disk.call(real[_name], *a, **k))
        builtins.open = io.open = opened
        yield
    finally:
        builtins.open = io.open = real_open
        for name, function in real.items():
            setattr(os, name, function)


class Writing:
    """An open file whose writes are counted."""

    def __init__(self, file, disk: FailingDisk) -> None:
        self.file, self.disk = file, disk

    def write(self, data):
        return self.disk.call(self.file.write, data)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


#: What can go wrong: a full disk, a broken one, a read-only one, and the process itself.
FAILURES = {"full": errno.ENOSPC, "broken": errno.EIO, "read-only": errno.EROFS, "killed": None}


def each_failure(write: Callable[[], object], code: int | None) -> Iterator[BaseException]:
    """`write` again and again, failing at the first call, the second, and so on until it passes. Yields after each what it raised."""
    for calls in range(500):
        disk = FailingDisk(calls, code)
        try:
            with failing(disk):
                write()
        except (Exception, Died) as error:
            yield error
            continue
        if not disk.has_failed:
            return
    raise AssertionError("it never passed")
