"""Polygons and how they are painted. Points are float [N, 2] in the picture's own pixels, x to the right, y down."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Points = np.ndarray
Colour = tuple[int, int, int]
_SHIFT = 4  # sub-pixel bits OpenCV keeps

cv2.setNumThreads(1)  # training needs the other cores


@dataclass(frozen=True)
class Part:
    """One painted shape of an actor. `outlined` parts get the style's line, unless they are shading."""

    points: Points
    fill: Colour
    outlined: bool = True


def ellipse(cx: float, cy: float, rx: float, ry: float, angle: float = 0.0, corners: int = 26) -> Points:
    turn = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    return rotated(np.stack([rx * np.cos(turn), ry * np.sin(turn)], axis=1), angle) + [cx, cy]


def rotated(points: Points, angle: float, about: tuple[float, float] = (0.0, 0.0)) -> Points:
    cos, sin = np.cos(angle), np.sin(angle)
    return (points - about) @ np.array([[cos, sin], [-sin, cos]]) + about


def limb(start: Points, end: Points, width_start: float, width_end: float) -> Points:
    """A tapered capsule between two joints."""
    along = end - start
    length = float(np.hypot(*along)) or 1e-6
    side = np.array([-along[1], along[0]]) / length
    heading = np.arctan2(side[1], side[0])
    arc = np.linspace(0.0, np.pi, 7)
    cap_end = end + width_end * np.stack([np.cos(heading - arc), np.sin(heading - arc)], axis=1)
    cap_start = start + width_start * np.stack(
        [np.cos(heading + np.pi - arc), np.sin(heading + np.pi - arc)], axis=1
    )
    return np.concatenate([cap_end, cap_start])


def rounded(points: Points, rounds: int = 2) -> Points:
    """Corner cutting (Chaikin 1974)."""
    for _ in range(rounds):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1).reshape(-1, 2)
    return points


def paint(image: np.ndarray, points: Points, fill: Colour, line: Colour | None, line_width: float) -> None:
    fixed = [np.round(points * (1 << _SHIFT)).astype(np.int32)]
    cv2.fillPoly(image, fixed, fill, cv2.LINE_AA, _SHIFT)
    if line is not None and line_width > 0.0:
        cv2.polylines(image, fixed, True, line, max(1, round(line_width)), cv2.LINE_AA, _SHIFT)


def mark_touched(mask: np.ndarray, points: Points, margin: float) -> None:
    """Set the pixels a shape can touch, its line and anti-aliasing included."""
    fixed = [np.round(points * (1 << _SHIFT)).astype(np.int32)]
    cv2.fillPoly(mask, fixed, 1, cv2.LINE_8, _SHIFT)
    cv2.polylines(mask, fixed, True, 1, max(1, int(np.ceil(margin)) * 2 + 1), cv2.LINE_8, _SHIFT)
