from __future__ import annotations

import pytest
from comfyui_anisora.anisora_core.conditioning.prompt import compose_prompt, compose_segments
from comfyui_anisora.anisora_core.domain.conditions import Segment
from comfyui_anisora.anisora_core.releases import find_release

SCORES, CLOSING = "aesthetic score: 5.5. motion score:", "There is no text in the video."

#: Release, what an artist wrote, what the release's own program makes of it (docs/releases.md says where each is odd).
AS_UPSTREAM = [
    # V1: what is missing follows the text as it is; a camera clause stays last, with a second space.
    ("V1", "A boy runs", f"A boy runs {SCORES} 0.7."),
    ("V1", f"A boy runs. {SCORES} 1.3.", f"A boy runs. {SCORES} 1.3."),
    ("V1", "A boy runs. motion score: 1.", "A boy runs. motion score: 1. aesthetic score: 5.5."),
    ("V1", "A boy. aesthetic score: 4.7.", "A boy. aesthetic score: 4.7. motion score: 0.7."),
    ("V1", "A boy. camera motion: tilt up.", f"A boy.  {SCORES} 0.7. camera motion:  tilt up."),
    (
        "V1",
        f"A boy. {SCORES} 0.9. camera motion: pan left.",
        f"A boy. {SCORES} 0.9.  camera motion:  pan left.",
    ),
    # V1-RL: nothing is added.
    ("V1-RL", "In this video, a boy runs.", "In this video, a boy runs."),
    # V2, V3 and V3.1: the closing sentence is added whether it is there or not.
    ("V2", f"A boy {SCORES} 1.3. The video has no subtitles. ", None),
    ("V2", "A boy runs", f"A boy runs {SCORES} 1.3. {CLOSING}"),
    ("V3", f"A boy {SCORES} 4.0. {CLOSING} ", None),
    ("V3", f"A boy.{SCORES} 3.0.{CLOSING}", None),
    ("V3.1", f"A boy turns. {SCORES} 3.5. {CLOSING}", None),
    # V3.2 and anymask: a complete prompt is sent as it is.
    ("V3.2", f"A boy raises an arm.{SCORES} 3.0. {CLOSING}", f"A boy raises an arm.{SCORES} 3.0. {CLOSING}"),
    ("V3.2", "A boy waves", f"A boy waves {SCORES} 3.0. {CLOSING}"),
    (
        "V3.2",
        f"A boy. aesthetic score: 6. {CLOSING}",
        f"A boy. aesthetic score: 6. {CLOSING} motion score: 3.0.",
    ),
    ("anymask", f"\\An anime scene. {SCORES} 4.0. {CLOSING}", f"\\An anime scene. {SCORES} 4.0. {CLOSING}"),
    # mini has no program but ours: its captions end in a full stop.
    ("mini", "a cat jumps", "a cat jumps. motion score: 2.5."),
    ("mini", "a cat jumps. motion score: 4.0.", "a cat jumps. motion score: 4.0."),
    ("mini", "", "motion score: 2.5."),
    ("V3", " \n", f"{SCORES} 3.0. {CLOSING}"),
]


@pytest.mark.parametrize(("release", "written", "sent"), AS_UPSTREAM)
def test_a_prompt_is_sent_as_the_release_s_own_program_sends_it(release, written, sent):
    expected = f"{written} {CLOSING}" if sent is None else sent
    assert compose_prompt(written, find_release(release)) == expected


@pytest.mark.parametrize("release", ["V1", "V2", "V3", "V3.1", "V3.2", "anymask", "mini"])
def test_a_given_motion_score_replaces_that_of_the_text_where_it_stands(release):
    composed = compose_prompt(
        "A cat. motion score: 4. It sleeps. camera motion: pan.", find_release(release), 1.25
    )
    assert composed.startswith("A cat. motion score: 1.2. It sleeps.")
    assert composed.count("score:") == composed.count("aesthetic score:") + 1


def test_a_given_motion_score_is_added_where_the_program_adds_none():
    assert compose_prompt("A boy.", find_release("V1-RL"), 1.0) == "A boy. motion score: 1.0."


def test_scores_are_found_whatever_their_case():
    written = "İ A boy. Motion Score: 2.0. Aesthetic score: 6.0. Camera motion: pan."
    assert compose_prompt(written, find_release("V1"), 1.0) == (
        "İ A boy. Motion Score: 1.0. Aesthetic score: 6.0.  camera motion:  pan."
    )


def test_one_segment_is_its_text():
    assert compose_segments([Segment(16, 32, " she smiles ")], 16.0) == "she smiles"


def test_several_segments_say_when_in_order_of_start():
    said = compose_segments([Segment(16, 33, "she waves!"), Segment(0, 16, "she smiles")], 12.0)
    assert said == "From 0.0 s to 1.3 s: she smiles. From 1.3 s to 2.8 s: she waves!"


def test_segments_without_text_say_nothing():
    assert compose_segments([], 16.0) == ""
    assert compose_segments([Segment(0, 8, "  "), Segment(8, 16, "rain")], 16.0) == "rain"
