"""Suites on made-up figures and on few frames: what is pooled, what is left out, and that a run can go on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.metrics.baselines import BASELINES
from comfyui_anisora.anisora_core.evaluation.metrics.fidelity import SquaredError
from comfyui_anisora.anisora_core.evaluation.reference_clips import generate, reconstruct, request_like
from comfyui_anisora.anisora_core.evaluation.report import spread, table
from comfyui_anisora.anisora_core.evaluation.suites.area_methods import (
    METHODS,
    WITHOUT,
    AreaComparison,
    AreaFigures,
)
from comfyui_anisora.anisora_core.evaluation.suites.between_keyframes import gain, pooled_psnr
from comfyui_anisora.anisora_core.evaluation.suites.control import (
    ClipFigures,
    MotionScoreFigures,
    as_json,
    from_json,
    summarize,
)
from comfyui_anisora.anisora_core.evaluation.suites.held_out_loss import encode_clips, held_out_loss
from comfyui_anisora.anisora_core.evaluation.suites.unseen_art import SHAPE, read_drawings, shots_of
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.media.pictures import write_picture
from comfyui_anisora.anisora_core.media.video import write_mp4
from comfyui_anisora.anisora_core.releases import find_release
from known_clips import flat, shifted

MINI = find_release("mini")


def decibels(value: float) -> SquaredError:
    """Over 100 values."""
    return SquaredError(100 * 10 ** (-value / 10), 100)


def row(two: float, *, action: str = "walk", right: tuple[bool, ...] = (True, False)) -> ClipFigures:
    errors = {name: decibels(value) for name, value in zip(BASELINES, (15.0, 18.0, 20.0), strict=True)}
    errors |= {"two": decibels(two), "four": decibels(two + 3), "vae": decibels(30.0)}
    errors |= {"keys": decibels(28.0), "vae_keys": decibels(29.0)}
    methods = {name: AreaFigures(0.5, 0.25, decibels(24.0)) for name in (*METHODS, WITHOUT)}
    return ClipFigures(
        determined=errors,
        action=action,
        free=None,
        areas=AreaComparison(decibels(25.0), 1.0, 0.9, methods),
        scores=MotionScoreFigures(0.8, [0.1, 0.2]),
        texts_right=right,
        seconds=1.0,
    )


def test_control_figures_are_pooled_by_pixels():
    rows = [row(21.0), row(22.0, right=(True, True))]
    figures = summarize([*rows, replace(rows[0], areas=row(0).areas)], MINI)
    assert figures["vae_psnr"] == pytest.approx(30.0)
    assert figures["keyframe_gap_db"] == pytest.approx(1.0)
    assert figures["four_vs_two_db"] == pytest.approx(3.0)
    assert figures["static_gap_db_hold"] == pytest.approx(1.0)
    assert figures["text_obeyed"] == pytest.approx(4 / 6, abs=1e-4)
    errors = np.mean([10**-2.1, 10**-2.2, 10**-2.1])
    assert figures["inbetween_gain_db"] == pytest.approx(-10 * np.log10(errors) - 20.0, abs=1e-4)
    assert np.isnan(figures["inbetween_gain_free_db"])  # no clip was free
    assert np.isnan(figures["inbetween_gain_unseen_db"]) != np.isnan(figures["inbetween_gain_seen_db"])
    assert figures["mask_recall"] == figures[f"mask_recall_{MINI.motion_method}"] == 0.25


def test_a_clip_in_which_nothing_moves_has_no_precision():
    still = row(21.0)
    nothing = {**still.areas.methods, "condition": AreaFigures(float("nan"), 0.0, decibels(24.0))}
    rows = [row(21.0), replace(still, areas=replace(still.areas, methods=nothing))]
    figures = summarize(rows, MINI)
    assert figures["mask_precision_condition"] == 0.5
    assert figures["mask_recall_condition"] == 0.125
    assert figures["mask_precision_condition_spread"]["n"] == 1


def test_a_row_survives_its_file():
    for one in (row(21.0), replace(row(20.0), free={"two": decibels(1.0)})):
        text = json.dumps(as_json(one))
        assert json.dumps(as_json(from_json(json.loads(text)))) == text


def test_no_clips_give_no_gain():
    assert pooled_psnr([]) == {}
    assert np.isnan(gain({}))


def test_spread_leaves_out_what_is_not_finite():
    assert spread([0.0, 1.0, float("nan"), 2.0, float("inf")]) == {"p10": 0.2, "p50": 1.0, "p90": 1.8, "n": 3}
    assert spread([])["n"] == 0


def test_a_table_indents_groups():
    assert list(table({"a": 1, "b": {"c": 2.5}})) == [f"{'a':32} 1", "b", f"  {'c':32} 2.5"]


def test_shots_end_at_cuts_and_still_ones_are_left_out(tmp_path):
    moving = shifted(0, 2, frames=40, side=64)
    frames = np.concatenate([np.stack([flat((250, 250, 250), 64)[0]] * 40), moving])
    write_mp4(frames, tmp_path / "a.mp4", fps=12)
    (shot,) = shots_of(tmp_path / "a.mp4", 12, limit=3)
    assert shot.frames_FHWC.shape == (*SHAPE, 3)
    assert shot.frames_FHWC[0].mean() < 200  # not the white start
    assert shot.moving_FHW.shape == SHAPE


def test_drawings_are_spread_over_the_folder(tmp_path):
    for number in range(5):
        write_picture(flat((50 * number, 0, 0), 32)[0], tmp_path / f"{number}.png")
    drawings = read_drawings(tmp_path, 3)
    assert [drawing.name for drawing in drawings] == ["0", "2", "4"]
    assert drawings[1].frames_FHWC[-1, 0, 0].tolist() == [100, 0, 0]
    assert not drawings[1].moving_FHW.any()


@pytest.fixture(scope="module")
def mini():
    return load_mini()


class KnownClip:
    frames_FHWC = shifted(0, 1, frames=5, side=64)
    caption, motion_score, seed, fps = "blots move to the right", 2.0, 3, 12.0


def test_a_clip_is_asked_for_again_and_comes_back_the_same(mini):
    request = request_like(MINI, KnownClip(), [0, 4])
    assert (request.timeline.num_frames, request.timeline.height) == (5, 64)
    assert [key.position for key in request.timeline.keyframes] == ["0", "4"]
    request = replace(request, steps=1)
    made = generate(mini, MINI, request)
    assert made.shape == KnownClip.frames_FHWC.shape
    assert made.dtype == np.uint8
    assert np.array_equal(generate(mini, MINI, request), made)
    assert reconstruct(mini.vae, KnownClip.frames_FHWC).shape == made.shape


def test_the_loss_is_that_of_its_noise_and_not_of_torchs_seed(mini):
    encoded = encode_clips(mini, MINI, [KnownClip()])
    torch.manual_seed(5)
    first = held_out_loss(mini.transformer, encoded)
    torch.manual_seed(6)
    assert held_out_loss(mini.transformer, encoded) == first
    assert 0.0 < first < 4.0
