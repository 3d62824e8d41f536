"""What a model obeys on drawings: the clips that are asked for, and how figures are pooled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.baselines import BASELINES
from comfyui_anisora.anisora_core.evaluation.metrics.fidelity import SquaredError
from comfyui_anisora.anisora_core.evaluation.suites.control import SCORES
from comfyui_anisora.anisora_core.evaluation.suites.drawings_control import (
    DrawingControl,
    held_clip,
    measure_control,
    painted_area,
    scene,
    summarize_control,
)
from comfyui_anisora.anisora_core.evaluation.suites.held_out_drawings import HeldOutDrawing, read_drawing
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.releases import find_release

ILLUSTRATIONS = Path(__file__).parents[3] / "nodes" / "illustrations"
SHORT = replace(find_release("mini"), num_frames=9, steps=1)


@pytest.fixture(scope="module")
def drawing() -> HeldOutDrawing:
    return read_drawing(ILLUSTRATIONS, "illustrations", "st_11.jpg", {"face": [0.32, 0.30, 0.48, 0.46]})


def decibels(value: float) -> SquaredError:
    return SquaredError(100 * 10 ** (-value / 10), 100)


def test_the_painted_area_is_around_the_face(drawing: HeldOutDrawing):
    area, face = painted_area(drawing, (128, 128)), drawing.face_mask((128, 128))
    assert face is not None
    assert (area | ~face).all()
    assert area.sum() == pytest.approx(4 * face.sum(), rel=0.1)
    assert painted_area(replace(drawing, face=None), (128, 128)).mean() == 0.25


def test_a_scene_moves_evenly_and_knows_where(drawing: HeldOutDrawing):
    clip = scene(drawing, SHORT)
    assert clip.frames_FHWC.shape == (*clip.moving_FHW.shape, 3) == (9, 128, 128, 3)
    changes = np.abs(np.diff(clip.frames_FHWC.astype(float), axis=0)).mean((1, 2, 3))
    assert changes.min() > 0.6 * changes.max() > 1.0
    assert 0.5 < clip.moving_FHW.mean() <= 1.0
    assert not held_clip(drawing, SHORT).moving_FHW.any()


def test_a_drawing_is_measured_whole(drawing: HeldOutDrawing):
    row = measure_control(load_mini(), SHORT, drawing)
    assert len(row.motion_px) == len(SCORES)
    assert {"two", "vae", *BASELINES} <= row.inbetween.keys()
    assert 0.0 <= row.area_moving <= 1.0


def test_figures_are_pooled_and_a_score_without_effect_counts_as_none():
    errors = {name: decibels(value) for name, value in zip(BASELINES, (15.0, 18.0, 20.0), strict=True)}
    errors |= {"two": decibels(21.0), "four": decibels(22.0), "vae": decibels(30.0)}
    row = DrawingControl(1.0, [0.0, 1.0, 2.0, 3.0, 4.0], errors, 0.9, 0.5)
    nothing = replace(row, spearman=float("nan"), area_precision=float("nan"), area_moving=0.0)
    figures = summarize_control([row, nothing])
    assert figures["motion_spearman"] == 0.5
    assert figures["area_precision"] == 0.9
    assert figures["area_moving"] == 0.25
    assert figures["inbetween_gain_db"] == pytest.approx(1.0)
    assert figures["motion_px_of_score"] == dict(zip(map(str, SCORES), row.motion_px, strict=True))
