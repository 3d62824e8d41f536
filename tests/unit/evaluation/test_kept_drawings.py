"""Drawings read and cut with their faces; true motion that passes, and every way to fail that must not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.metrics.drawing_kept import KeptFigures, RegionFigures
from comfyui_anisora.anisora_core.evaluation.metrics.fidelity import SquaredError
from comfyui_anisora.anisora_core.evaluation.suites.held_out_drawings import (
    HeldOutDrawing,
    read_drawing,
    read_drawings,
)
from comfyui_anisora.anisora_core.evaluation.suites.kept_drawings import (
    BARS,
    MeasuredClip,
    damaged_clips,
    met,
    missed_bars,
    model_clips,
    summarize,
    true_clips,
)
from comfyui_anisora.anisora_core.evaluation.suites.true_motion import DAMAGES, MOTIONS, true_clip
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.media.pictures import write_picture
from comfyui_anisora.anisora_core.releases import find_release

PACK = Path(__file__).parents[3]
ILLUSTRATIONS = PACK / "nodes" / "illustrations"
LISTED = PACK / "benchmarks" / "data" / "held_out_drawings.json"
SHORT = replace(find_release("mini"), num_frames=17)


@pytest.fixture(scope="module")
def vae():
    return load_mini().vae


@pytest.fixture(scope="module")
def drawing() -> HeldOutDrawing:
    return read_drawing(ILLUSTRATIONS, "illustrations", "st_11.jpg", {"face": [0.32, 0.30, 0.48, 0.46]})


def test_a_face_follows_crop_and_fit(tmp_path: Path):
    """A red square is the face: its mask is where the fitted picture is red."""
    picture = np.full((200, 100, 3), 255, np.uint8)
    picture[20:60, 30:70] = 255, 0, 0
    write_picture(picture, tmp_path / "tall.png")
    (tmp_path / "tall.txt").write_text("a square\n")
    entry = {"face": [0.3, 0.1, 0.7, 0.3], "crop": [0.1, 0.05, 1.0, 0.6]}
    read = read_drawing(tmp_path, "s", "tall.png", entry)
    assert (read.caption, read.picture_HWC.shape) == ("a square", (110, 90, 3))
    for size in ((90, 90), (64, 64), (64, 48)):
        mask = read.face_mask(size)
        assert mask is not None
        assert (mask == (read.pixels(size)[..., 1] < 128)).mean() > 0.97
    assert replace(read, face=(0.0, 0.0, 1.0, 0.05)).face_mask((64, 64)) is None  # cropped away
    assert replace(read, face=(0.0, 0.4, 0.1, 0.5)).face_mask((64, 64)) is None  # 6 pixels wide
    assert replace(read, face=None).face_mask((64, 64)) is None


def test_listed_drawings_that_are_there_are_read_or_else_all(tmp_path: Path):
    picture = np.zeros((16, 16, 3), np.uint8)
    (tmp_path / "ink").mkdir()
    for name in ("ink/one.png", "ink/two.png", "three.png"):
        write_picture(picture, tmp_path / name)
    listed = tmp_path / "list.json"
    listed.write_text(
        json.dumps({"about": "", "pen": {"ink/two.png": {"caption": "two"}, "ink/absent.png": {}}})
    )
    assert [(d.style, d.name, d.caption) for d in read_drawings(tmp_path, listed)] == [
        ("pen", "ink/two.png", "two")
    ]
    assert [(d.style, d.name) for d in read_drawings(tmp_path / "ink", listed)] == [
        (".", "one.png"),
        (".", "two.png"),
    ]
    listed.write_text("{}")
    assert {d.style for d in read_drawings(tmp_path, listed)} == {".", "ink"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no drawings; name one with .*png"):
        read_drawings(tmp_path / "empty", listed)


def test_the_held_out_list_has_every_style_and_faces_inside_their_pictures():
    styles = {name: files for name, files in json.loads(LISTED.read_text()).items() if name != "about"}
    assert len(styles) == 7
    for files in styles.values():
        assert len(files) >= 3
        for name, entry in files.items():
            left, top, right, bottom = entry.get("face", [0.4, 0.4, 0.6, 0.6])
            start_x, start_y, end_x, end_y = entry.get("crop", [0, 0, 1, 1])
            assert start_x <= left < right <= end_x, name
            assert start_y <= top < bottom <= end_y, name


@pytest.mark.parametrize("name", MOTIONS)
def test_a_true_motion_starts_at_rest_and_its_flow_is_the_frames(name: str, drawing: HeldOutDrawing):
    made = true_clip(drawing, (128, 128), 9, MOTIONS[name], np.random.default_rng(0))
    assert np.array_equal(made.frames_FHWC[0], made.drawing_HWC)
    assert 1.0 < np.abs(made.flow_FHW2).max() < 20.0
    again = true_clip(drawing, (128, 128), 9, MOTIONS[name], np.random.default_rng(0))
    assert np.array_equal(made.frames_FHWC, again.frames_FHWC)


def test_true_motion_passes_and_every_damage_misses_a_bar(vae, drawing: HeldOutDrawing):
    with torch.inference_mode():
        truths = [clip.figures for clip in true_clips(vae, SHORT, drawing)]
        damaged = {clip.kind: clip.figures for clip in damaged_clips(vae, SHORT, drawing)}
    for figures in truths:
        assert set(missed_bars(figures, truths)) <= {"motion_px"}  # a small true motion may be too small
    missed = {kind: missed_bars(figures, truths) for kind, figures in damaged.items()}
    assert missed.keys() == DAMAGES.keys()
    assert missed["frozen"] == ["motion_px"]
    assert "motion_px" in missed["panned"]
    assert "strain" in missed["jelly"]
    assert "kept_gap_db" in missed["ripple"]
    assert {"sharpness", "face_sharpness"} <= set(missed["blurred"])
    assert "face_kept_gap_db" in missed["holed"]


def of(psnr: float, count: int = 100) -> SquaredError:
    return SquaredError(count * 10 ** (-psnr / 10), count)


def clip(style: str, kept: float, *, motion: float = 2.0, strain: float = 0.0) -> MeasuredClip:
    region = RegionFigures(of(22.0), of(kept, 3300), strain, 1.0)
    return MeasuredClip(
        f"{style} 1", style, "no text", KeptFigures(region, None, motion), np.zeros((1, 1, 1, 3))
    )


def test_styles_are_weighted_equally_whatever_their_number_of_drawings():
    clips = [clip("ink", 22.0), clip("ink", 22.0), clip("ink", 22.0), clip("paint", 12.0, motion=0.0)]
    summary = summarize(clips, [clip("ink", 22.0), clip("paint", 22.0)])
    pooled = summary["pooled"]
    assert pooled["kept_gap_db"] == pytest.approx(22.0 + 10 * np.log10((10**-2.2 + 10**-1.2) / 2), abs=2e-3)
    assert (pooled["motion_px"], pooled["moving_share"], pooled["good_share"]) == (1.0, 0.5, 0.5)
    assert pooled["true_kept_gap_db"] == pytest.approx(0.0, abs=1e-6)
    assert summary["kinds"]["no text"]["kept_gap_db"] == pooled["kept_gap_db"]
    assert summary["styles"]["paint"]["kept_gap_above_true_db"] == pytest.approx(10.0, abs=2e-3)
    assert summary["drawings"]["paint 1"]["no text"]["misses"] == ["motion_px", "kept_gap_db"]


def test_a_set_is_held_to_each_bar():
    good = summarize([clip("ink", 21.5)], [clip("ink", 22.0)])
    assert all(met({**good["pooled"], "face_kept_gap_above_true_db": 0.0}).values())
    torn = summarize([clip("ink", 21.5, strain=BARS.strain + 0.01)], [clip("ink", 22.0)])
    assert torn["pooled"]["within_bars"] == 0.0
    assert not torn["met"]["within_bars"]


def test_a_model_is_asked_with_and_without_the_caption(drawing: HeldOutDrawing):
    release = replace(SHORT, num_frames=5, steps=1)
    assert drawing.caption
    components = load_mini()
    captioned = model_clips(components, release, drawing)
    assert [made.kind for made in captioned] == ["no text", "caption"]
    assert captioned[0].frames_FHWC.shape == (5, *reversed(release.size), 3)
    assert not np.array_equal(captioned[0].frames_FHWC, captioned[1].frames_FHWC)
    assert [made.kind for made in model_clips(components, release, replace(drawing, caption=""))] == [
        "no text"
    ]
