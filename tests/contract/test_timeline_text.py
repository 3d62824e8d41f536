"""The timeline's text as scripts and the widget write it: what it means, and what is said where it is wrong."""

from __future__ import annotations

import json

import pytest
from comfyui_anisora.anisora_core.domain.conditions import Segment
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.nodes.keyframe_timeline import AniSoraTimeline, KeyframeRow, parse_timeline_json
from PIL import Image

KEY = {"image": "a.png", "position": "first"}
PROMPT = {"start": 0, "end": 8, "text": "rain"}


def test_the_widgets_value_is_read():
    text = json.dumps(
        {
            "version": 1,
            "keyframes": [{**KEY, "strength": 0.5, "later": 1}, {"image": "b.png", "position": 12}],
            "prompts": [PROMPT],
        }
    )
    rows, segments = parse_timeline_json(text)
    assert rows == [KeyframeRow("a.png", "first", 0.5), KeyframeRow("b.png", "12", 1.0)]
    assert segments == [Segment(0, 8, "rain")]


def test_values_from_before_the_widget_still_work():
    assert parse_timeline_json("") == ([], [])
    assert parse_timeline_json(json.dumps({"keyframes": [KEY]})) == ([KeyframeRow("a.png", "first", 1.0)], [])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "it has no keyframes"),
        ({}, "it has no keyframes"),
        ({"version": 2, "keyframes": []}, "version 2 is newer than this pack"),
        ({"keyframes": {"a": 1}}, "keyframes is not a list of objects"),
        ({"keyframes": ["a.png"]}, "keyframes is not a list of objects"),
        ({"keyframes": [KEY, {**KEY, "image": 3}]}, "keyframe 2: image 3 is not the name of a picture"),
        ({"keyframes": [{**KEY, "image": ""}]}, "keyframe 1: image '' is not"),
        ({"keyframes": [{**KEY, "position": None}]}, "keyframe 1: position None is not text"),
        ({"keyframes": [{**KEY, "position": 1.5}]}, "keyframe 1: position 1.5 is not text"),
        (
            {"keyframes": [{**KEY, "strength": float("nan")}]},
            "keyframe 1: strength nan is not a number above 0",
        ),
        ({"keyframes": [{**KEY, "strength": 1.5}]}, "keyframe 1: strength 1.5"),
        ({"keyframes": [{**KEY, "strength": 0}]}, "keyframe 1: strength 0"),
        ({"keyframes": [{**KEY, "strength": True}]}, "keyframe 1: strength True"),
        ({"keyframes": [], "prompts": [{**PROMPT, "start": -1}]}, "prompt 1: start -1 and end 8"),
        ({"keyframes": [], "prompts": [{**PROMPT, "end": 0}]}, "prompt 1: start 0 and end 0"),
        ({"keyframes": [], "prompts": [{**PROMPT, "start": 0.5}]}, "prompt 1: start 0.5"),
        ({"keyframes": [], "prompts": [{**PROMPT, "text": 5}]}, "prompt 1: text 5 is not text"),
        ({"keyframes": [], "prompts": "rain"}, "prompts is not a list of objects"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_input_and_the_fix(value, said):
    with pytest.raises(ValueError, match="timeline_json cannot be read: ") as error:
        parse_timeline_json(json.dumps(value))
    assert said in str(error.value)
    assert "write it like" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_json_is_said_too():
    with pytest.raises(ValueError, match=r"timeline_json cannot be read: .*write it like"):
        parse_timeline_json("{keyframes}")


def build(**values):
    text = json.dumps({"keyframes": [], **values})
    return AniSoraTimeline().build(find_release("mini"), 33, 12.0, 64, 32, timeline_json=text)


def test_the_node_gives_the_segments_as_one_prompt(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 32)).save("a.png")
    timeline, length, fps, prompt = build(
        keyframes=[KEY], prompts=[PROMPT, {"start": 8, "end": 33, "text": "sun"}]
    )
    assert (length, fps, len(timeline.keyframes)) == (33, 12.0, 1)
    assert prompt == "From 0.0 s to 0.7 s: rain. From 0.7 s to 2.8 s: sun."


def test_a_segment_past_the_end_names_the_length():
    with pytest.raises(
        ValueError, match="timeline_json: prompt 1 ends at frame 34, outside the clip of 33 frames"
    ):
        build(prompts=[{**PROMPT, "end": 34}])
