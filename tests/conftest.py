"""Shared by all tests: one thread-count, one seed, and the browser."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

# before torch is loaded, here and in hosts: threads that wait for work shall not spin, which beside a browser takes minutes
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # small_inputs, picture_files, ...

torch.set_num_threads(min(2, os.cpu_count() or 1))

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def browser():
    """Chromium; what asks for it is skipped where there is none."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: browser tests skipped"
    )
    if CHROMIUM is None:
        pytest.skip("no Chromium found: install it, or set CHROMIUM to run the browser tests")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield started
        started.close()
