"""Faces followed through a clip, and found in the pack's own art where animeface is installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics import drawn_faces
from comfyui_anisora.anisora_core.evaluation.metrics.drawn_faces import Face, faces_kept, find_faces, overlap

with_animeface = pytest.mark.skipif(
    importlib.util.find_spec("animeface") is None, reason="animeface is in the extra `evaluate`"
)


def face(x: int, y: int = 0, side: int = 10) -> Face:
    return Face(x, y, side, side, 1.0)


def test_overlap_by_hand():
    assert overlap(face(0), face(0)) == 1.0
    assert overlap(face(0), face(5)) == pytest.approx(50 / 150)
    assert overlap(face(0), face(10)) == 0.0


def test_a_face_is_followed_and_one_that_is_gone_is_missed():
    moving = [[face(3 * frame)] for frame in range(6)]
    assert faces_kept(moving).tolist() == [1.0] * 6
    two = [[face(0), face(50)], [face(1), face(50)], [face(2)], [], [face(2), face(51)]]
    assert faces_kept(two).tolist() == [1.0, 1.0, 0.5, 0.0, 1.0]
    assert np.isnan(faces_kept([[], [face(0)]])).all()
    assert faces_kept([[face(0)], [face(80)]]).tolist() == [1.0, 0.0]


def test_without_animeface_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "animeface", None)
    with pytest.raises(ValueError, match="install the extra `evaluate`"):
        find_faces(np.zeros((8, 8, 3), np.uint8))


@with_animeface
def test_the_face_of_a_drawing_is_found_where_it_is():
    from pathlib import Path

    from comfyui_anisora.anisora_core.media.pictures import read_picture

    art = Path(drawn_faces.__file__).parents[2] / "data" / "cartoons" / "art" / "sylvie_blue_smile.webp"
    drawing = read_picture(art)
    (found,) = find_faces(drawing)
    height, width = drawing.shape[:2]
    assert 0.2 * width < found.x < found.x + found.width < 0.8 * width
    assert found.y + found.height < 0.4 * height
    turned = np.ascontiguousarray(drawing[:, ::-1])
    (mirrored,) = find_faces(turned)
    assert mirrored.x + mirrored.width / 2 == pytest.approx(
        width - found.x - found.width / 2, abs=0.05 * width
    )
    assert find_faces(np.full((200, 200, 3), 255, np.uint8)) == []
