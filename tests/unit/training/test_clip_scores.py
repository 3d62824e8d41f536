"""Borders, flashes, blur and likeness of clips in which each was planted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from comfyui_anisora.anisora_core.training.clip_selection.clip_scores import (
    Box,
    blur,
    clip_hash,
    flashes,
    looks_alike,
    picture_box,
)

from tests.known_clips import flat, shifted, sliding_square


@pytest.mark.parametrize(
    ("top", "bottom", "left", "right"), [(0, 0, 0, 0), (12, 12, 0, 0), (0, 0, 20, 8), (6, 10, 4, 14)]
)
def test_black_borders_are_found_to_the_pixel(top, bottom, left, right):
    picture = np.maximum(sliding_square(), 40)
    noise = np.random.default_rng(0).integers(0, 20, (9, 64 + top + bottom, 64 + left + right, 3))
    framed = noise.astype(np.uint8)
    framed[:, top : top + 64, left : left + 64] = picture
    assert picture_box(framed) == Box(top, top + 64, left, left + 64)
    assert picture_box(framed).share(*framed.shape[1:3]) == pytest.approx(64 * 64 / framed[0, ..., 0].size)


def test_a_dark_scene_has_no_borders():
    dark = np.random.default_rng(0).integers(0, 20, (4, 64, 64, 3)).astype(np.uint8)
    dark[:, 30:34, 30:34] = 200  # a lamp
    assert picture_box(dark) == Box(0, 64, 0, 64)


def test_flashes_and_what_is_none():
    clip = shifted(0, 1, frames=24)
    lightning = clip.copy()
    lightning[[6, 7, 15]] = 250
    assert flashes(lightning, 24.0) == [6, 15]
    night = clip.copy()
    night[12:] = night[12:] // 4  # a lamp goes out, and stays out
    assert flashes(night, 24.0) == []
    fade = np.stack([(frame * (1 - at / 30)).astype(np.uint8) for at, frame in enumerate(clip)])
    assert flashes(fade, 24.0) == []


def test_blur_as_scikit_image_has_it():
    measure = pytest.importorskip("skimage.measure", reason="scikit-image is in the extra `test`")
    picture = sliding_square()[0]
    for sigma in (0.5, 1.5, 3.0):
        blurred = cv2.GaussianBlur(picture, (0, 0), sigma)
        grey = blurred.astype(float) @ np.array([0.299, 0.587, 0.114]) / 255
        assert blur(blurred) == pytest.approx(measure.blur_effect(grey, h_size=9), abs=0.03)


def test_blur_rises_with_the_blur():
    picture = sliding_square()[0]
    found = [blur(picture), *(blur(cv2.GaussianBlur(picture, (0, 0), sigma)) for sigma in (1, 2, 4))]
    assert found == sorted(found)
    assert found[0] < 0.5
    assert found[-1] > 0.7
    assert blur(flat((90, 90, 90), side=64)[0]) == 1.0


def test_copies_look_alike_and_other_clips_do_not():
    clip = shifted(0, 2, frames=9, seed=1)
    brighter = np.clip(clip.astype(int) + 12, 0, 255).astype(np.uint8)
    smaller = np.stack([cv2.resize(frame, (64, 64), interpolation=cv2.INTER_AREA) for frame in clip])
    for copy in (brighter, smaller):
        assert looks_alike(clip_hash(clip), clip_hash(copy), 6)
    others = [clip_hash(shifted(0, 2, frames=9, seed=seed)) for seed in range(2, 8)]
    assert not any(looks_alike(clip_hash(clip), other, 6) for other in others)
