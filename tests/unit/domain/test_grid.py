from __future__ import annotations

import pytest
from comfyui_anisora.anisora_core.domain.grid import LatentGrid
from hypothesis import given
from hypothesis import strategies as st

GRID = LatentGrid()


def test_published_sizes():
    assert GRID.latent_shape(81, 480, 832) == (21, 60, 104)
    assert LatentGrid(frames_per_latent=2, pixels_per_latent=16).latent_shape(5, 64, 32) == (3, 4, 2)


@given(st.integers(1, 300))
def test_nearest_length_is_legal_and_near(frames):
    near = GRID.nearest_length(frames)
    assert GRID.num_frames(GRID.latent_frames(near)) == near
    assert abs(near - frames) <= 2


def test_an_illegal_length_names_the_nearest_one():
    with pytest.raises(ValueError, match=r"length 30 .* use 29"):
        GRID.latent_frames(30)


def test_an_illegal_size_names_the_nearest_one():
    with pytest.raises(ValueError, match=r"^width 130 .* use 128"):
        GRID.check_size(128, 130)
    with pytest.raises(ValueError, match=r"^height 8 .* use 16"):
        GRID.check_size(8, 128)


@pytest.mark.parametrize(("frame", "latent"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2), (80, 20)])
def test_a_frame_belongs_to_the_latent_that_ends_its_group(frame, latent):
    assert GRID.latent_of_frame(frame) == latent


def test_upstream_size_rule():
    # facts 3.2: 960*544 with 1080p in -> 528x960; 832*480 -> 464x832; 640*360 -> 352x640; a square 1024 -> 960x960
    assert GRID.fit_area(960 * 544, 1080, 1920) == (528, 960)
    assert GRID.fit_area(832 * 480, 1080, 1920) == (464, 832)
    assert GRID.fit_area(640 * 360, 1080, 1920) == (352, 640)
    assert GRID.fit_area(1280 * 720, 1024, 1024) == (960, 960)
