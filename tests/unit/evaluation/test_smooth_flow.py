"""Smooth flow of a textured drawing that is deformed by a known field, and what is read from flow that is given."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.metrics.smooth_flow import (
    SmoothFlow,
    camera_of,
    local_motion,
    seen,
    smooth_flows,
    strain,
    structure,
    warped_along,
)
from comfyui_anisora.anisora_core.evaluation.suites.true_motion import deformed, wobble
from comfyui_anisora.anisora_core.media.optical_flow import optical_flow
from known_clips import flat, shifted

SIDE = 128


def places() -> tuple[np.ndarray, np.ndarray]:
    """x and y of all pixels, from the middle."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return x, y


def affine(stretch: np.ndarray, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Flow HW2 of places multiplied by this 2 x 2 matrix about the middle and moved."""
    where = np.stack(places(), axis=-1)
    return (where @ (stretch - np.eye(2)).T + shift).astype(np.float32)


def rotation(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


@pytest.mark.parametrize("amplitude", [1.0, 2.0, 4.0])
def test_a_smooth_deformation_is_found_again(amplitude: float):
    blots = shifted(0, 0, frames=1, side=2 * SIDE)[0]
    field = amplitude * wobble((SIDE, SIDE), 32.0, np.random.default_rng(3))
    clip = deformed(blots, np.stack([np.zeros_like(field), field]))
    found = smooth_flows(clip.frames_FHWC[1:], clip.drawing_HWC)[0].flow_HW2
    inner = (slice(8, -8), slice(8, -8))
    apart = np.hypot(*np.moveaxis(found - field, 2, 0))[inner].mean()
    assert apart < 0.04 * np.hypot(*np.moveaxis(field, 2, 0))[inner].mean() + 0.02


def test_flow_goes_from_the_frame_to_the_still():
    clip = shifted(0, 3, frames=2, side=SIDE)
    found = smooth_flows(clip[1:], clip[0])[0].flow_HW2
    assert np.median(found[..., 0]) == pytest.approx(-3.0, abs=0.05)
    assert np.median(found[..., 1]) == pytest.approx(0.0, abs=0.05)
    assert np.abs(warped_along(clip[0], found).astype(float) - clip[1])[:, 8:].mean() < 2.0
    assert seen(found)[2:-2, 5:].all()
    assert not seen(found)[:, :2].any()  # they show what was left of the still


def test_a_long_way_is_found_frame_by_frame():
    clip = shifted(0, 2, frames=25, side=SIDE)
    found = smooth_flows(clip, clip[0])
    assert np.median(found[-1].flow_HW2[:, 56:, 0]) == pytest.approx(-48.0, abs=0.5)
    back = smooth_flows(np.stack([clip[0], 255 - clip[8], clip[0]]), clip[0])
    assert np.abs(back[-1].flow_HW2).mean() < 0.05  # after a frame that is not the still's


def test_nothing_moves_on_white_paper():
    """Optical flow finds motion in the faint noise that a VAE leaves there; nobody sees it."""
    rng = np.random.default_rng(0)
    paper = flat((250, 250, 250), SIDE, count=2)
    noisy = (paper + rng.normal(0, 1.0, paper.shape)).round().clip(0, 255).astype(np.uint8)
    noisy[:, 40:60, 40:60] = np.kron(rng.integers(0, 255, (5, 5, 3)), np.ones((4, 4, 1)))
    assert structure(noisy[0])[80:].max() < 0.1 < structure(noisy[0])[40:60, 40:60].mean()
    smooth = np.abs(smooth_flows(noisy[1:], noisy[0])[0].flow_HW2).mean()
    plain = np.abs(optical_flow(noisy[1], noisy[0])).mean()
    assert smooth < 0.1 < 0.2 < plain


def test_the_camera_is_what_most_pixels_follow():
    flow = affine(rotation(3.0) * 1.02, shift=(2.0, -1.0))
    flow[40:70, 40:70] += 5.0  # a figure of its own
    everywhere = np.ones((SIDE, SIDE), np.float32)
    rest = SmoothFlow(flow, camera_of(flow, everywhere)).local_HW2
    assert np.abs(rest[:30]).max() < 0.05
    assert np.abs(rest[45:65, 45:65] - 5.0).max() < 0.05
    assert not camera_of(flow, 0 * everywhere).any()


def test_local_motion_counts_a_loop_and_neither_a_jump_nor_what_cannot_be_seen():
    times = np.arange(64)
    everywhere = np.ones((SIDE, SIDE), np.float32)

    def moving(shifts: np.ndarray) -> np.ndarray:
        flows = np.zeros((len(shifts), SIDE, SIDE, 2), np.float32)
        flows[:, :, : SIDE // 2, 0] = shifts[:, None, None]
        return flows

    loop = moving(np.sin(2 * np.pi * times / 16))
    assert local_motion(loop, everywhere) == pytest.approx(0.5 * 8 / np.pi**2, rel=0.03)
    assert local_motion(moving(np.linspace(0, 3, 64)), everywhere) == pytest.approx(0.5, rel=0.05)
    assert local_motion(moving(8.0 * (times > 0)), everywhere) < 0.15
    left = everywhere * (np.arange(SIDE) < SIDE // 2)
    assert local_motion(loop, left) == pytest.approx(8 / np.pi**2, rel=0.03)
    assert local_motion(loop, 0 * left) == 0.0
    twice = np.repeat(np.repeat(2 * loop, 2, axis=1), 2, axis=2)  # the same clip at twice the size
    assert local_motion(twice, np.ones((2 * SIDE, 2 * SIDE))) == pytest.approx(
        local_motion(loop, everywhere), rel=1e-3
    )


@pytest.mark.parametrize(
    ("deformation", "expected"),
    [
        (np.eye(2), 0.0),
        (rotation(20.0), 0.0),
        (np.diag([1.2, 1.0]), np.log(1.2)),
        (np.diag([1.0, 0.8]), -np.log(0.8)),
        (np.array([[1.0, 0.2], [0.0, 1.0]]), np.arcsinh(0.1)),
        (np.diag([-1.0, 1.0]), np.log(8.0)),
    ],
)
def test_strain_is_stretch_and_shear_but_no_turn(deformation: np.ndarray, expected: float):
    found = strain(SmoothFlow(affine(deformation), camera=np.zeros((3, 2))))
    assert np.median(found) == pytest.approx(expected, abs=1e-3)


def test_a_zoom_of_the_camera_is_no_strain():
    zoom = affine(np.diag([1.3, 1.3]))
    found = strain(SmoothFlow(zoom, camera_of(zoom, np.ones((SIDE, SIDE), np.float32))))
    assert found.max() < 1e-3
