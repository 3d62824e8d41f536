"""Writing at the bottom of a picture: letters with an edge count, and nothing else."""

from __future__ import annotations

import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.subtitles import subtitle_share
from known_clips import flat


def test_white_beside_black_in_the_band_by_hand():
    clip = flat((128, 128, 128), 20, 2)
    assert subtitle_share([clip]) == 0.0
    clip[:, 17, 4:8] = 255  # the band is rows 16 to 19: 80 pixels
    assert subtitle_share([clip]) == 0.0  # white alone
    clip[:, 17, 8] = 0
    assert subtitle_share([clip]) == pytest.approx(3 / 80)  # those within 3 pixels of black
    clip[1] = 128
    assert subtitle_share([clip]) == pytest.approx(1.5 / 80)


def test_above_the_band_nothing_counts():
    clip = flat((0, 0, 0), 20)
    clip[:, :16:2] = 255
    assert subtitle_share([clip]) == 0.0
