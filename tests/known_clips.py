"""Clips and drawings whose motion, colours and lines are known exactly."""

from __future__ import annotations

import cv2
import numpy as np


def sliding_square(frames: int = 9) -> np.ndarray:
    """A textured square that moves 2 pixels to the right per frame over a textured ground."""
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(0, 120, (16, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    square = np.kron(rng.integers(120, 255, (5, 5, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    clip = np.stack([ground] * frames)
    for frame in range(frames):
        clip[frame, 20:40, 10 + 2 * frame : 30 + 2 * frame] = square
    return clip


def shifted(down: int, across: int, frames: int = 5, side: int = 96, seed: int = 0) -> np.ndarray:
    """Soft blots that all move by so many pixels a frame; what comes in at an edge is new."""
    room = frames * max(abs(down), abs(across), 1)
    noise = np.random.default_rng(seed).uniform(0, 255, (side + 2 * room, side + 2 * room, 3))
    blots = cv2.GaussianBlur(noise, (0, 0), 3.0)
    low, high = blots.min(), blots.max()
    large = ((blots - low) / (high - low) * 255).astype(np.uint8)
    tops = [room - down * frame for frame in range(frames)]
    lefts = [room - across * frame for frame in range(frames)]
    return np.stack([large[t : t + side, x : x + side] for t, x in zip(tops, lefts, strict=True)])


def flat(colour: tuple[int, int, int], side: int = 16, count: int = 1) -> np.ndarray:
    """NHWC of one colour."""
    return np.full((count, side, side, 3), colour, np.uint8)


def ruled(width: int, *, ink: int = 0, paper: int = 255, spacing: int = 16, side: int = 64) -> np.ndarray:
    """NHWC: upright lines of this width, `spacing` apart."""
    picture = np.full((1, side, side, 3), paper, np.uint8)
    for left in range(4, side, spacing):
        picture[:, :, left : left + width] = ink
    return picture
