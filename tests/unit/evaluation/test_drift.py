"""Drift of clips in which each part's is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Timeline
from comfyui_anisora.anisora_core.evaluation.metrics.drift import drift_of_parts, joint_changes
from comfyui_anisora.anisora_core.evaluation.suites import long_shots
from comfyui_anisora.anisora_core.evaluation.suites.long_shots import ShotDrift, as_row, summarize
from comfyui_anisora.anisora_core.generation.pipeline import Request
from comfyui_anisora.anisora_core.media.tensors import to_bytes
from comfyui_anisora.anisora_core.releases import find_release

from tests.known_clips import shifted

DRAWING = np.clip(shifted(0, 0, frames=1)[0], 60, 190)
LEFT = np.zeros(DRAWING.shape[:2], bool)
LEFT[:, :48] = True


def drifting() -> np.ndarray:
    """Two parts of four frames: brighter by 2, and by 8; a part that moves flickers by 20 on the right, in the first only."""
    clip = np.stack([DRAWING + 2] * 4 + [DRAWING + 8] * 4)
    clip[1:4:2, :, 48:] += 20
    return clip


def test_psnr_and_colour_are_of_the_still_pixels_of_each_part():
    first, last = drift_of_parts(drifting(), DRAWING, LEFT, 2)
    assert first.static_psnr == pytest.approx(20 * np.log10(255 / 2), abs=1e-3)
    assert last.static_psnr == pytest.approx(20 * np.log10(255 / 8), abs=1e-3)
    assert (first.colour, last.colour) == (pytest.approx(2.0), pytest.approx(8.0))


def test_motion_is_the_mean_change_of_the_whole_picture():
    first, last = drift_of_parts(drifting(), DRAWING, LEFT, 2)
    assert first.motion == pytest.approx(20 * (~LEFT).mean())
    assert last.motion == 0.0


def test_detail_of_a_picture_of_half_the_contrast_is_half():
    squares = np.indices(DRAWING.shape[:2]).sum(0) // 4 % 2 * 2 - 1
    sharp_picture, soft_picture = (
        np.repeat((120 + contrast * squares)[..., None], 3, 2).astype(np.uint8) for contrast in (60, 30)
    )
    clip = np.stack([sharp_picture] * 2 + [soft_picture] * 2)
    sharp, soft = drift_of_parts(clip, sharp_picture, LEFT, 2)
    assert sharp.detail == pytest.approx(1.0)
    assert soft.detail == pytest.approx(0.5)


def test_a_joint_is_measured_by_the_usual_change():
    levels = [0, 1, 2, 3, 8, 9, 10]
    clip = np.stack([DRAWING + level for level in levels]).astype(np.uint8)
    assert joint_changes(clip, [4, 6]) == [5.0, 1.0]


def test_chained_clips_each_begin_with_the_last_frame_of_the_one_before(monkeypatch):
    """33 + 3 * 32 = 129 frames; each clip that is asked for is one level brighter than its drawing."""
    asked = []

    def brighter(_components, _release, request):
        asked.append(request)
        (key,) = request.timeline.keyframes
        return np.repeat((to_bytes(key.image_HWC) + 1)[None], request.timeline.num_frames, 0)

    monkeypatch.setattr(long_shots, "generate", brighter)
    mini = find_release("mini")
    drawing = Keyframe(torch.zeros(2, 2, 3), "first")
    request = Request(Timeline(129, 12.0, 2, 2, (drawing,)), seed=4)
    frames, joints = long_shots.chained(None, mini, request)
    assert joints == [33, 65, 97]
    assert frames[:, 0, 0, 0].tolist() == [1] * 33 + [2] * 32 + [3] * 32 + [4] * 32
    assert [one.seed for one in asked] == [4, 5, 6, 7]
    assert {one.timeline.num_frames for one in asked} == {33}


def test_a_summary_compares_the_last_part_with_the_first():
    row = as_row(ShotDrift(tuple(drift_of_parts(drifting(), DRAWING, LEFT, 2)), (1.0, 3.0)))
    summary = summarize([row, row])
    assert summary["psnr_lost"] == pytest.approx(20 * np.log10(4), abs=0.01)
    assert summary["colour_last"] == 8.0
    assert (summary["joint"], summary["worst_joint"]) == (2.0, 3.0)
    assert summary["motion_kept"] == 0.0
