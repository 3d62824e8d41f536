"""What the measures of motion say of clips whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.fidelity import Error, error
from comfyui_anisora.anisora_core.evaluation.motion import BASELINES, inside_share, moving_pixels


def sliding_square(frames: int = 9) -> np.ndarray:
    """A textured square that moves 2 pixels to the right per frame over a textured ground."""
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(0, 120, (16, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    square = np.kron(rng.integers(120, 255, (5, 5, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    clip = np.stack([ground] * frames)
    for frame in range(frames):
        clip[frame, 20:40, 10 + 2 * frame : 30 + 2 * frame] = square
    return clip


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_start_and_end_at_the_keyframes(name):
    clip = sliding_square()
    made = BASELINES[name](clip[0], clip[-1], len(clip))
    assert made.shape == clip.shape
    assert np.array_equal(made[0], clip[0])
    assert np.array_equal(made[-1], clip[-1])


def test_flow_beats_a_cross_fade_on_a_sliding_square():
    clip = sliding_square()
    psnr = {name: error(make(clip[0], clip[-1], 9), clip).psnr for name, make in BASELINES.items()}
    assert psnr["dis_flow"] > psnr["cross_fade"]


def test_moving_pixels_are_where_the_square_is():
    clip = sliding_square()
    area = np.zeros((64, 64), bool)
    area[18:42, 8:48] = True
    moving = moving_pixels(clip)
    assert inside_share(moving, area) == 1.0
    assert moving[:, area].any(axis=1).all()
    assert not moving_pixels(np.stack([clip[0]] * 3)).any()


def test_errors_pool_by_pixels():
    black, grey = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 51, np.uint8)
    assert error(black, black).psnr == float("inf")
    assert np.isnan(Error().psnr)
    assert (error(black, grey) + error(black, black)).psnr == pytest.approx(10 * np.log10(2 / 0.2**2))
