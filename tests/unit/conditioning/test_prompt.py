from __future__ import annotations

from comfyui_anisora.anisora_core.conditioning.prompt import Segment, compose_segments


def test_one_segment_is_its_text():
    assert compose_segments([Segment(16, 32, " she smiles ")], 16.0) == "she smiles"


def test_several_segments_say_when_in_order_of_start():
    said = compose_segments([Segment(16, 33, "she waves!"), Segment(0, 16, "she smiles")], 12.0)
    assert said == "From 0.0 s to 1.3 s: she smiles. From 1.3 s to 2.8 s: she waves!"


def test_segments_without_text_say_nothing():
    assert compose_segments([], 16.0) == ""
    assert compose_segments([Segment(0, 8, "  "), Segment(8, 16, "rain")], 16.0) == "rain"
