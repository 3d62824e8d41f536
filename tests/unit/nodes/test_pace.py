"""What a preview says of the time that is left."""

import time

import pytest
from comfyui_anisora.nodes.host.pace import Pace, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.4, "59 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")],
)
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


def test_the_first_step_does_not_count_once_there_are_more(monkeypatch):
    now = iter([0.0, 100.0, 102.0, 104.0, 106.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    pace = Pace(4, "step")
    assert pace.caption(1) == "step 1 of 4, 5 min 0 s left"
    assert pace.caption(2) == "step 2 of 4, 4 s left"
    assert pace.caption(3) == "step 3 of 4, 2 s left"
    assert pace.caption(4) == "step 4 of 4"
