"""Camera moves over a drawing whose pixels say where they are: red grows to the right, green downwards."""

from __future__ import annotations

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.camera import CameraView, camera_keyframes, parse_camera

DRAWING = torch.zeros(100, 200, 3)
DRAWING[..., 0] = torch.arange(200)
DRAWING[..., 1] = torch.arange(100)[:, None]


def corners(image):
    """(left, top, right, bottom) of what is seen, in pixels of the drawing."""
    return (*image[0, 0, :2].int().tolist(), *image[-1, -1, :2].int().tolist())


def seen(words: str, height: int = 100, width: int = 200):
    keys = camera_keyframes(DRAWING, parse_camera(words), 33, height, width)
    assert [key.position for key in keys] == ["0", "8", "16", "24", "32"]
    return [corners(key.image_HWC) for key in keys]


def test_a_pan_goes_sideways_at_an_even_speed():
    assert seen("pan right 20%") == [
        (0, 10, 159, 89), (10, 10, 169, 89), (20, 10, 179, 89), (30, 10, 189, 89), (40, 10, 199, 89),
    ]  # fmt: skip
    assert seen("pan left 20%") == seen("pan right 20%")[::-1]


def test_a_tilt_goes_up_and_a_zoom_grows():
    tilted = seen("tilt up 20%")
    assert (tilted[0], tilted[-1]) == ((20, 20, 179, 99), (20, 0, 179, 79))
    zoomed = seen("Zoom  in 50%")
    assert (zoomed[0], zoomed[-1]) == ((0, 0, 199, 99), (50, 25, 149, 74))
    assert seen("zoom out 50%") == zoomed[::-1]


def test_a_view_has_the_shape_of_the_clip_and_stays_in_the_drawing():
    square = CameraView(1.0, 0.0, 0.5).crop(DRAWING, 64, 64)
    assert square.shape == (50, 50, 3)
    assert corners(square) == (150, 0, 199, 49)


@pytest.mark.parametrize("words", ["", "pan", "roll left", "pan left 0%", "zoom in 100%", "pan left 20"])
def test_other_words_are_refused(words):
    with pytest.raises(ValueError, match="write it as pan left 20%"):
        parse_camera(words)
