"""200 changed inputs for each reader of what others wrote; `make fuzz` goes on to 100,000."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from running import run
from targets import all_targets

TARGETS = all_targets(Path(tempfile.mkdtemp(prefix="fuzz")))


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_raises_nothing_but_a_line(name):
    run(*TARGETS[name], calls=200, number=0)
