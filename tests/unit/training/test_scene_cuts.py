"""Cuts between shots that are known; flashes, fast motion and held drawings, which are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from comfyui_anisora.anisora_core.media.video import timed_frames
from comfyui_anisora.anisora_core.training.clip_selection.scene_cuts import find_cuts

from tests.known_clips import shifted

ART = Path(__file__).parents[4] / "shared" / "art" / "clips"
pytest.importorskip("scenedetect", reason="scenedetect-headless is in the extra `data`")


def shots(*lengths: int, across: int = 1) -> np.ndarray:
    """Each shot in its own colours."""
    made = [shifted(0, across, frames=length, side=64, seed=seed) for seed, length in enumerate(lengths)]
    tints = np.random.default_rng(5).uniform(0.2, 1.0, (len(made), 3))
    return np.concatenate([(shot * tint).astype(np.uint8) for shot, tint in zip(made, tints, strict=True)])


def test_every_cut_and_no_other():
    film = shots(20, 13, 30, 2, 25)
    assert list(find_cuts(iter(film), 24.0)) == [20, 33, 63, 65]


def test_a_single_shot_has_none():
    assert list(find_cuts(iter(shots(40)), 24.0)) == []
    assert list(find_cuts(iter(()), 24.0)) == []


def test_a_flash_is_no_cut():
    film = shots(30, 30)
    film[10:12] = 255
    film[45] = 0
    assert list(find_cuts(iter(film), 24.0)) == [30]


def test_drawings_on_threes_are_no_cuts():
    film = np.repeat(shots(12, 12, across=4), 3, axis=0)
    assert list(find_cuts(iter(film), 24.0)) == [36]


def test_a_wing_that_covers_the_picture_is_no_cut():
    film = shots(40)
    for at, width in enumerate([6, 16, 30, 46, 60, 64, 50, 30, 12]):
        film[16 + at, :, :width] = 255 - 30 * at
    assert list(find_cuts(iter(film), 24.0)) == []


@pytest.mark.skipif(not ART.is_dir(), reason="the shared art folder is absent: popeye_p4_edit_h264.mp4")
def test_every_cut_of_a_film_of_1936():
    known = json.loads((ART / "cuts.json").read_text())["popeye_p4"]
    frames = (
        frame.to_ndarray(format="rgb24") for _, _, frame in timed_frames(ART / "popeye_p4_edit_h264.mp4")
    )
    found = list(find_cuts(frames, 24.0))
    assert set(known["cuts"]) <= set(found)
    assert set(found) <= {*known["cuts"], *known["soft"]}
