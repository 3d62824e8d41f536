"""Every ComfyUI found, running, and its page in both renderers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "host"))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from frontend import Frontend
from hosts import PACK, Host, find_hosts, running
from provenance import RESULTS, depends_on, tracked_files
from tiny_models import write_models

HOSTS = find_hosts()


@pytest.fixture(scope="session")
def summary() -> Iterator[list[dict[str, Any]]]:
    """One row per host and renderer; ANISORA_SUMMARY=1 writes them where the other results are."""
    rows: list[dict[str, Any]] = []
    facts = {"commit": git("rev-parse", "HEAD"), "uncommitted_files": len(git("status", "-s").splitlines())}
    yield rows
    if os.environ.get("ANISORA_SUMMARY"):
        made_from = depends_on("browser", tracked_files())
        (RESULTS / "browser.json").write_text(
            json.dumps({**facts, "depends_on": made_from, "pages": rows}, indent=1) + "\n"
        )


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PACK, capture_output=True, text=True, check=False)
    return done.stdout.strip()


@pytest.fixture(scope="session", params=HOSTS or [None], ids=lambda host: host.name if host else "no-host")
def host(request, browser, tmp_path_factory) -> Iterator[Host]:
    if request.param is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run its page in a browser")
    base = tmp_path_factory.mktemp("base") / "run"
    write_models(base / "models")
    with running(request.param, base) as started:
        started.call("/settings", {"Comfy.TutorialCompleted": True})
        yield started


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    named = os.environ.get("ANISORA_SCREENSHOTS")
    return Path(named) if named else tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="session", params=["canvas", "vue"])
def opened(request, host, browser, pictures, summary) -> Iterator[Frontend]:
    since = time.monotonic()
    host.call("/settings", {"Comfy.VueNodes.Enabled": request.param == "vue"})
    page = Frontend(browser, host.url, request.param, pictures)
    row = page.row = {
        "host": host.call("/system_stats")["system"]["comfyui_version"],
        "frontend": page.version,
        "renderer": page.renderer,
        "widgets_shown": page.shows_widgets,
        "templates": {},
    }
    summary.append(row)
    yield page
    row["seconds"] = round(time.monotonic() - since, 1)
    page.close()


@pytest.fixture
def frontend(opened) -> Iterator[Frontend]:
    """The page; errors of our files fail the test that made them."""
    opened.errors.clear()
    yield opened
    assert not opened.errors, opened.errors


@pytest.fixture
def widgets(frontend) -> Frontend:
    if not frontend.shows_widgets:
        pytest.skip(f"the Vue renderer of frontend {frontend.version} cannot show widgets of packs")
    return frontend
