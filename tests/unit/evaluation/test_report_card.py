"""What a report card says of clips whose answers are known, of clips that cannot be read, and of names that try to be markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.report_card.bootstrap import difference, estimate
from comfyui_anisora.anisora_core.evaluation.report_card.card import (
    MeasuredRun,
    MeasuredSubject,
    ReportCard,
    make_card,
    measure_subject,
)
from comfyui_anisora.anisora_core.evaluation.report_card.card_page import number, page_of
from comfyui_anisora.anisora_core.evaluation.report_card.measures import MEASURES, Reading
from comfyui_anisora.anisora_core.evaluation.report_card.subject import (
    Subject,
    clips_in,
    read_prompts,
    read_subject,
    references_in,
)
from comfyui_anisora.anisora_core.media.pictures import write_picture
from comfyui_anisora.anisora_core.media.video import write_mp4

from tests.known_clips import shifted, sliding_square

CLIP = sliding_square()
WITHOUT_FACES = {name: measure for name, measure in MEASURES.items() if name != "faces_kept"}
FEW = {name: MEASURES[name] for name in ("psnr", "ssim", "l1", "drawing_rate")}


@pytest.fixture
def folders(tmp_path):
    for name in ("good", "other", "true"):
        (tmp_path / name).mkdir()
    for clip in ("one", "two"):
        write_mp4(CLIP, tmp_path / "good" / f"{clip}.mp4", 8.0)
        write_mp4(CLIP, tmp_path / "true" / f"{clip}.mp4", 8.0)
    write_mp4(CLIP, tmp_path / "other" / "one.mp4", 8.0)
    (tmp_path / "other" / "two.mp4").write_bytes((tmp_path / "true" / "two.mp4").read_bytes()[:400])
    return tmp_path


def test_the_truth_as_prediction_has_the_best_of_each_figure():
    area = np.zeros(CLIP.shape[1:3], bool)
    area[14:46, 4:52] = True
    subject = Subject("truth", CLIP, 8.0, truth_FHWC=CLIP, keyframes={0: CLIP[0], 8: CLIP[8]}, area_HW=area)
    values = {
        name: reading.value for name, reading in measure_subject(subject, WITHOUT_FACES).readings.items()
    }
    assert set(values) == set(WITHOUT_FACES)
    best = {"psnr": 100, "ssim": 1, "l1": 0, "mask_precision": 1, "mask_recall": 1, "keyframe_psnr": 100,
            "drawing_rate": 8, "longest_hold": 1 / 8, "flicker": 0, "colour_drift": 0, "static_psnr": 100, "detail_kept": 1}  # fmt: skip
    assert {name: values[name] for name in best} == pytest.approx(best, abs=1e-6)
    assert values["motion_smoothness"] > 0.95
    assert values["loop_seam"] > 1.5


def test_a_measure_without_what_it_needs_says_so(folders):
    card = make_card({"good": clips_in(folders / "good")}, measures=WITHOUT_FACES)
    assert "needs true clips" in card.not_measured["psnr"]
    assert "needs drawings" in card.not_measured["keyframe_psnr"]
    assert "motion areas" in card.not_measured["mask_precision"]
    assert set(card.measured).isdisjoint(card.not_measured)
    assert {*card.measured, *card.not_measured} == {*WITHOUT_FACES, "fid", "fvd"}


def test_a_broken_clip_is_named_and_counts_as_the_held_first_frame(folders):
    runs = {name: clips_in(folders / name) for name in ("good", "other")}
    card = make_card(runs, references_in(folders / "true"), measures=FEW)
    good, other = card.runs
    assert (good.valid_sample_ratio, other.valid_sample_ratio) == (1.0, 0.5)
    (problem,) = [clip.problem for clip in other.clips if clip.problem]
    assert "two.mp4" in problem
    assert good.held == {}
    held = read_subject("two", folders / "true" / "two.mp4", references_in(folders / "true"))
    still = Subject("still", np.repeat(held.frames_FHWC[:1], 9, axis=0), truth_FHWC=held.frames_FHWC)
    expected = (other.values("ssim")[0] + FEW["ssim"].measure(still).value) / 2
    assert other.held["ssim"].mean == pytest.approx(expected)
    facts = json.loads(json.dumps(card.as_json(), allow_nan=False))
    assert facts["runs"][1]["clips"][1] == {"name": "two", "problem": problem}


def test_a_clip_that_is_wanted_and_not_there_is_a_failure(folders):
    (folders / "good" / "two.mp4").unlink()
    card = make_card({"good": clips_in(folders / "good")}, references_in(folders / "true"), measures=FEW)
    assert card.runs[0].valid_sample_ratio == 0.5
    assert card.runs[0].clips[1].problem == "there is no clip of this name"


def test_another_size_and_length_is_brought_to_that_of_the_reference(tmp_path):
    (tmp_path / "true").mkdir()
    write_mp4(shifted(0, 1, frames=6), tmp_path / "true" / "a.mp4", 8.0)
    write_picture(shifted(0, 1)[0], tmp_path / "true" / "a@3.png")
    write_picture(np.full((96, 96, 3), 255, np.uint8), tmp_path / "true" / "a.mask.png")
    write_mp4(shifted(0, 1, side=64), tmp_path / "a.mp4", 8.0)
    subject = read_subject("a", tmp_path / "a.mp4", references_in(tmp_path / "true"))
    assert subject.frames_FHWC.shape == subject.truth_FHWC.shape == (5, 96, 96, 3)
    assert [note.split(":")[0] for note in subject.notes] == [
        "resized from 64x64 to 96x96 of the reference", "5 frames against 6 of the reference",
    ]  # fmt: skip
    assert list(subject.keyframes) == [3]
    assert subject.area_HW.all()


def test_prompts_as_json_and_as_lines(tmp_path):
    path = tmp_path / "prompts"
    path.write_text('{"one.mp4": "a girl waves"}')
    assert read_prompts(path) == {"one": "a girl waves"}
    path.write_text("one\ta girl waves\n\ntwo\tshe\tsits\n")
    assert read_prompts(path) == {"one": "a girl waves", "two": "she\tsits"}
    path.write_text("one\tx\ntwo she sits\n")
    with pytest.raises(ValueError, match="line 2 has no tab"):
        read_prompts(path)
    path.write_text('{"one": 3}')
    with pytest.raises(ValueError, match="every prompt must be text"):
        read_prompts(path)


def test_intervals_of_the_bootstrap():
    """For the mean of many normal values, the interval is 1.96 standard errors to each side."""
    values = np.random.default_rng(1).normal(5.0, 2.0, 400)
    found = estimate(values)
    error = values.std() / 20
    assert (found.mean, found.count) == (pytest.approx(values.mean()), 400)
    assert [found.low, found.high] == pytest.approx(
        [values.mean() - 1.96 * error, values.mean() + 1.96 * error], abs=0.15 * error
    )
    assert estimate(np.array([np.nan, 3.0])).low == 3.0
    assert estimate(np.array([np.nan, np.inf])) is None
    paired = difference(values + 1.0, values)
    assert [paired.mean, paired.low, paired.high] == pytest.approx([1.0] * 3)


NASTY = "</script><img src=x onerror=alert(1)>\"'&"


def card_of(*names: str) -> ReportCard:
    clip = measure_subject(Subject(NASTY, CLIP, 8.0, prompt=NASTY), FEW)
    bad = MeasuredSubject("broken", problem=NASTY)
    return ReportCard(tuple(MeasuredRun(name, (clip, bad)) for name in names), FEW, {"psnr": NASTY})


def test_the_page_escapes_all_that_it_shows_and_needs_nothing_else():
    page = page_of(card_of(NASTY, "b"), NASTY)
    assert "<img" not in page
    assert page.count("</script>") == 2  # its own
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)[a-z]+:""", page)
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page
    )
    json.loads(page.partition('id="sheets">')[2].partition("</script>")[0])


def test_the_page_shows_the_worst_frame_and_marks_differences():
    def run(name: str, values: list[float], dip: int) -> MeasuredRun:
        curve = np.full(9, 30.0)
        curve[dip] = 10.0
        clips = [measure_subject(Subject(f"clip {n}", CLIP, 8.0), {}) for n in range(len(values))]
        readings = [{"psnr": Reading(value, curve + n)} for n, value in enumerate(values)]
        made = [
            MeasuredSubject(c.name, "", r, c.num_frames, c.fps, c.size, sheets=c.sheets)
            for c, r in zip(clips, readings, strict=True)
        ]
        return MeasuredRun(name, tuple(made))

    page = page_of(ReportCard((run("a", [30, 31, 32], 4), run("b", [33, 34, 35], 6)), FEW, {}))
    assert 'data-sheet="0-0" data-frame="4"' in page
    assert 'class="up">+3 ' in page
    assert "DynamiCrafter, image to video (theirs)" in page
    assert page.count("<polyline") == 6


def test_numbers_have_four_digits_and_a_minus_sign():
    assert [number(x) for x in (0.123456, 123.456, -2.0, np.nan, np.inf)] == [
        "0.1235",
        "123.5",
        "\N{MINUS SIGN}2",
        "",
        "infinite",
    ]
    assert number(2.0, sign=True) == "+2"


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no clip"):
        clips_in(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        references_in(tmp_path / "none")
    with pytest.raises(ValueError, match="has no clip or drawing"):
        references_in(tmp_path)
