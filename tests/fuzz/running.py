"""Calls of a target: nothing but ValueError of one line, no call longer than 20 seconds."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import warnings
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from targets import Target, one_line

LONGEST = 20


def call(target: Target, content: Any, folder: Path) -> None:
    """In an empty folder, in which nothing may be left but what the target put there itself."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def hangs(*_: object) -> None:
        raise TimeoutError(f"longer than {LONGEST} s")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(LONGEST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target(content, folder)
    except ValueError as error:
        one_line(error)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(target: Target, strategy: Any, calls: int, number: int) -> None:
    """`calls` of the contents that belong to `number`; an exception other than ValueError is raised with the content."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))

    @seed(number)
    @settings(
        max_examples=calls,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(content: Any) -> None:
        call(target, content, folder / str(os.getpid()))

    try:
        check()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
