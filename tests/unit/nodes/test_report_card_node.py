"""The report card in the graph: its picture, text and page, from frames on wires."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.report_card import clip_card
from comfyui_anisora.anisora_core.media.tensors import to_floats
from comfyui_anisora.nodes import report_card
from comfyui_anisora.nodes.report_card import AniSoraReportCard

from tests.known_clips import sliding_square

CLIP = to_floats(sliding_square())
FEW = ("psnr", "mask_precision", "keyframe_psnr", "drawing_rate")


@pytest.fixture(autouse=True)
def _small(monkeypatch, tmp_path):
    monkeypatch.setattr(clip_card, "MEASURES", {name: clip_card.MEASURES[name] for name in FEW})
    monkeypatch.setattr(report_card.host, "output_folder", lambda: tmp_path)


def test_a_clip_beside_another_against_the_truth():
    area = torch.zeros(9, 64, 64)
    area[:, 16:44, 6:50] = 1.0
    alpha = torch.cat([CLIP, torch.ones(9, 64, 64, 1)], dim=3)
    done = AniSoraReportCard().measure(
        CLIP, 8.0, (CLIP * 0.9)[:, ::2, ::2], alpha, CLIP[:1], area, "<b>a square</b>"
    )
    picture, report, page = done["result"]
    assert picture.shape[0] == 1
    assert picture.shape[2:] == (1280, 3)
    assert picture.dtype == torch.float32
    lines = {line[:34].strip(): line[34:].split() for line in report.splitlines()}
    assert lines[""] == ["images", "compared"]
    assert lines["PSNR (dB) ↑"][0] == "100"
    assert float(lines["PSNR (dB) ↑"][4]) < 40
    assert lines["motion-mask precision ↑"][0] == "1"
    assert lines["drawings per second (1/s)"][0] == "8"
    assert done["ui"]["text"] == [report]
    written = Path(page).read_text("utf-8")
    assert "&lt;b&gt;a square&lt;/b&gt;" in written
    assert Path(page).name == "report_card_00001_.html"


def test_the_least_there_is():
    (picture, report, _) = AniSoraReportCard().measure(CLIP[:2, :32, :32], 16.0)["result"]
    assert picture.std() > 0.05
    assert "PSNR" not in report


@pytest.mark.parametrize(
    ("images", "more", "expected"),
    [(CLIP[:1], {}, "images: 1 frames of 64x64 came in"), (CLIP[:, :8], {}, "at least 2 frames of 32x32 are needed"),
     (CLIP, {"reference": CLIP[:1]}, "reference: one frame came in")],
)  # fmt: skip
def test_what_cannot_be_measured_is_one_line(images, more, expected):
    with pytest.raises(ValueError, match=expected):
        AniSoraReportCard().measure(images, 16.0, **more)
