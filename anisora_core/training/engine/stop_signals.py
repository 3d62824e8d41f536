"""A training that is asked to end saves first: Ctrl-C, `kill`, `docker stop`, a shutdown, a terminal that is closed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

#: SIGTERM is what service managers and containers send, SIGHUP comes when the terminal is gone. Windows has no SIGHUP.
STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def stop_requests(*ignored: int) -> Generator[threading.Event]:
    """Set by the first of `STOP_SIGNALS`; a second one ends the program at once.

    `ignored`: those that mean nothing here. A signal that the program was started to ignore (nohup) stays so.
    """
    stop = threading.Event()
    terminals = [descriptor for descriptor in (1, 2) if _is_terminal(descriptor)]

    def request_stop(number: int, _frame: FrameType | None) -> None:
        stop.set()
        if number != signal.SIGINT:
            _let_go(terminals)  # one that is gone fails every write, also that of the last message
        for one in STOP_SIGNALS:
            if one in before and one not in ignored:
                signal.signal(one, signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL)

    before = {one: signal.getsignal(one) for one in STOP_SIGNALS}
    before = {one: handler for one, handler in before.items() if handler != signal.SIG_IGN}
    for one in before:
        signal.signal(one, signal.SIG_IGN if one in ignored else request_stop)
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _let_go(terminals: list[int]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in terminals:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
