"""The widgets in a plain page, without ComfyUI: Chromium over a small server of the pack's `web` folder."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PACK = Path(__file__).parents[2]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are not worth a line each."""


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of the pack's root folder."""
    handler = functools.partial(Quiet, directory=str(PACK))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(browser):
    """A page whose errors and console errors fail the test."""
    opened = browser.new_page(viewport={"width": 1000, "height": 700})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield opened
    opened.close()
    assert not errors, errors
