"""Figures of clips of a textured drawing of which it is known what happens to it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.drawing_kept import drawing_kept, weighted_quantile
from comfyui_anisora.anisora_core.evaluation.metrics.smooth_flow import warped_along
from known_clips import shifted

SIDE = 128


@pytest.fixture(scope="module")
def drawing() -> np.ndarray:
    """Blots with hard edges."""
    blots = shifted(0, 0, frames=1, side=SIDE)[0]
    return (blots // 64 * 64).astype(np.uint8)


def turning(drawing: np.ndarray, degrees: float) -> np.ndarray:
    """Five frames: a region around (64, 64) turns to `degrees`, fading to nothing outside."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    share = np.exp(-(x**2 + y**2) / (2 * 24.0**2))
    frames: list[np.ndarray] = []
    for part in (0.0, 0.5, 1.0, 0.5, 0.0):
        angle = np.radians(degrees) * part * share
        flow = np.stack(
            [(np.cos(angle) - 1) * x - np.sin(angle) * y, np.sin(angle) * x + (np.cos(angle) - 1) * y], -1
        )
        frames.append(warped_along(drawing, flow.astype(np.float32), sharp=True))
    return np.stack(frames)


def blurred(frames: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])


def test_a_drawing_that_turns_is_kept(drawing: np.ndarray):
    still = blurred(drawing[None], 1.0)[0]
    figures = drawing_kept(blurred(turning(drawing, 6.0), 1.0), drawing, still)
    assert abs(figures.whole.kept_gap_db) < 0.6  # warping the drawing softens it a little
    assert figures.whole.sharpness == pytest.approx(1.0, abs=0.1)
    # d(angle)/dr * r / 2 is at most 0.0524 * 1.47 * exp(-1) for half of the shear: 0.039
    assert figures.whole.strain == pytest.approx(0.036, abs=0.01)
    assert figures.motion_px > 0.2


def test_a_still_neither_moves_nor_loses_anything(drawing: np.ndarray):
    figures = drawing_kept(np.repeat(drawing[None], 5, 0), drawing, drawing)
    assert figures.whole.frames.psnr == float("inf")
    assert figures.motion_px < 0.02
    assert figures.whole.strain < 0.01
    assert figures.whole.sharpness == pytest.approx(1.0, abs=0.01)
    assert figures.face is None


def test_what_the_camera_shows_of_the_outside_is_left_out(drawing: np.ndarray):
    large = np.pad(drawing, ((0, 0), (16, 0), (0, 0)))  # black outside
    panned = np.stack([large[:, 16 - 4 * frame : 16 - 4 * frame + SIDE] for frame in range(4)])
    figures = drawing_kept(panned, drawing, drawing)
    assert figures.whole.frames.psnr > 25.0
    assert figures.motion_px < 0.25
    assert figures.whole.strain < 0.1


def test_pieces_in_other_places_are_not_the_drawing(drawing: np.ndarray):
    """16-pixel tiles shuffled: each piece is the drawing's, the whole is not."""
    order = np.random.default_rng(0).permutation(64)
    tiles = drawing.reshape(8, 16, 8, 16, 3).swapaxes(1, 2).reshape(64, 16, 16, 3)[order]
    rubble = tiles.reshape(8, 8, 16, 16, 3).swapaxes(1, 2).reshape(SIDE, SIDE, 3)
    still = blurred(drawing[None], 1.0)[0]
    figures = drawing_kept(np.stack([drawing, rubble, rubble, rubble]), drawing, still)
    plain = -10 * np.log10(np.mean((rubble / 255.0 - drawing / 255.0) ** 2))
    assert figures.whole.frames.psnr < plain + 1.25 + 3.0  # of which 1.25 is the first frame's
    assert figures.whole.kept_gap_db > 4.0


def test_sharpness_is_gradient_energy_of_the_worst_frames(drawing: np.ndarray):
    still = blurred(drawing[None], 1.0)[0]
    clip = np.stack([still] * 4)
    clip[2:] = blurred(drawing[None], 2.0)[0]

    def energy(picture: np.ndarray) -> float:
        grey = picture.astype(float) @ [0.299, 0.587, 0.114]
        return float((np.diff(grey, axis=0) ** 2).sum() + (np.diff(grey, axis=1) ** 2).sum())

    figures = drawing_kept(clip, drawing, still)
    assert figures.whole.sharpness == pytest.approx(energy(clip[2]) / energy(still), rel=0.05)
    # A zoom out leaves less of the drawing's gradients, none of its sharpness: the still's are looked up along the flow.
    shown = drawing_kept(np.stack([still] * 4), drawing, still)
    assert shown.whole.sharpness == pytest.approx(1.0, abs=0.01)


def test_a_face_is_measured_where_it_has_gone(drawing: np.ndarray):
    face = np.zeros((SIDE, SIDE), bool)
    face[48:80, 40:72] = True
    moved = np.roll(drawing, 6, axis=1)
    moved[48:80, 46:78] = moved[48:80, 46:78].mean((0, 1))  # the face's place, after the move
    clip = blurred(np.stack([drawing, moved, moved]), 1.0)
    figures = drawing_kept(clip, drawing, clip[0], face)
    assert figures.face is not None
    assert figures.face.still.count == 3 * 32 * 32
    assert figures.face.frames.count == pytest.approx(3 * figures.face.still.count, rel=0.1)
    assert figures.face.sharpness < 0.35
    assert figures.face.kept_gap_db > figures.whole.kept_gap_db + 3.0


def test_a_quantile_counts_weights():
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_quantile(values, np.array([1.0, 8.0, 1.0]), 0.8) == 1.0
    assert weighted_quantile(values, np.array([1.0, 8.0, 1.0]), 0.95) == 3.0
    assert weighted_quantile(values, np.zeros(3), 0.95) == 0.0
