"""How the layers of a scene move: smooth displacement fields, each times an amount over time.

A motion is a list of `Term`s. The displacement of a layer at frame f is the sum of `field_HW2 * amount_F[f]`: the pixel at x shows
what the drawing has at x + displacement. All amounts are 0 at frame 0, which is the drawing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

Field = np.ndarray  # [H, W, 2] float32, x and y, canvas pixels per unit of amount


@dataclass(frozen=True)
class Term:
    field_HW2: Field
    amount_F: np.ndarray


@dataclass(frozen=True)
class Shape:
    """Where a figure is on the canvas, in pixels, and its alpha 0..1, [H, W]."""

    left: float
    top: float
    width: float
    height: float
    alpha_HW: np.ndarray

    @property
    def middle(self) -> float:
        return self.left + self.width / 2

    @property
    def bottom(self) -> float:
        return self.top + self.height


@dataclass(frozen=True)
class FigureMotion:
    """`words` are synonyms for the caption."""

    name: str
    words: tuple[str, ...]
    terms: Callable[[np.random.Generator, Shape, float, np.ndarray], list[Term]]


def grid(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    return x, y


def smooth_step(value: np.ndarray) -> np.ndarray:
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3.0 - 2.0 * value)


def turned(
    x: np.ndarray, y: np.ndarray, about: tuple[float, float], share: np.ndarray
) -> tuple[Field, Field]:
    """Fields of a turn by the angle a: the first times sin a, the second times cos a - 1; `share` is 1 where all of it acts."""
    dx, dy = (x - about[0]) * share, (y - about[1]) * share
    return np.stack([dy, -dx], axis=2), np.stack([dx, dy], axis=2)


def turning(fields: tuple[Field, Field], angle_F: np.ndarray) -> list[Term]:
    return [Term(fields[0], np.sin(angle_F)), Term(fields[1], np.cos(angle_F) - 1.0)]


def from_zero(values_F: np.ndarray) -> np.ndarray:
    return values_F - values_F[0]


def wave_over(rng: np.random.Generator, time_F: np.ndarray, cycles: tuple[float, float]) -> np.ndarray:
    """A swing of amplitude 1 with a random phase and a little of its second harmonic."""
    speed, phase = float(rng.uniform(*cycles)), float(rng.uniform(0, 2 * np.pi))
    second = float(rng.uniform(0, 0.25))
    return np.sin(2 * np.pi * speed * time_F + phase) + second * np.sin(
        4 * np.pi * speed * time_F + 2 * phase
    )


def course(
    rng: np.random.Generator, time_F: np.ndarray, cycles: tuple[float, float] = (0.7, 2.0)
) -> np.ndarray:
    """Either a swing, or a move to another pose that stays or comes back; size about 1."""
    kind = rng.random()
    if kind < 0.6:
        return from_zero(wave_over(rng, time_F, cycles))
    start, length = float(rng.uniform(0, 0.3)), float(rng.uniform(0.3, 0.7))
    sign = 1.0 if rng.random() < 0.5 else -1.0
    there = smooth_step((time_F - start) / length)
    if kind < 0.8:
        return sign * 1.4 * there
    return sign * 1.4 * np.sin(np.pi * there)


def sway(rng: np.random.Generator, shape: Shape, amount: float, time_F: np.ndarray) -> list[Term]:
    """Bends like grass: the foot stays, the top moves sideways, and a little down."""
    _, y = grid(shape.alpha_HW.shape)
    height = np.clip((shape.bottom - y) / shape.height, 0, 1.3)
    bend = height ** float(rng.uniform(1.2, 2.2))
    reach = amount * float(rng.uniform(0.6, 1.4))
    return [Term(np.stack([bend * reach, np.zeros_like(bend)], axis=2), course(rng, time_F))]


def lean(rng: np.random.Generator, shape: Shape, amount: float, time_F: np.ndarray) -> list[Term]:
    """The whole figure turns about its foot."""
    x, y = grid(shape.alpha_HW.shape)
    angle = amount / shape.height * 1.2
    fields = turned(x, y, (shape.middle, shape.bottom), np.ones_like(x))
    return turning(fields, angle * course(rng, time_F))


def breathe(rng: np.random.Generator, shape: Shape, amount: float, time_F: np.ndarray) -> list[Term]:
    """Grows and sinks above the foot; the chest widens."""
    x, y = grid(shape.alpha_HW.shape)
    height = np.clip((shape.bottom - y) / shape.height, 0, 1.2)
    chest_y, chest = shape.top + 0.5 * shape.height, 0.25 * shape.height
    aside = np.clip((x - shape.middle) / shape.width, -0.7, 0.7)
    widening = np.exp(-(((y - chest_y) / chest) ** 2)) * aside
    swing = from_zero(wave_over(rng, time_F, (0.8, 1.8)))
    return [
        Term(np.stack([np.zeros_like(height), smooth_step(height) * amount * 0.7], axis=2), swing),
        Term(np.stack([widening * amount, np.zeros_like(height)], axis=2), -0.8 * swing),
    ]


def head(rng: np.random.Generator, shape: Shape, amount: float, time_F: np.ndarray) -> list[Term]:
    """What is above the neck tilts about it, or nods; the body follows a little."""
    x, y = grid(shape.alpha_HW.shape)
    neck_y = shape.top + shape.height * float(rng.uniform(0.25, 0.5))
    neck_x = centre_of(shape, neck_y)
    above = smooth_step((neck_y + 0.08 * shape.height - y) / (0.2 * shape.height))
    reach = max(8.0, neck_y - shape.top)
    if rng.random() < 0.6:
        angle = amount / reach * 1.3
        return turning(turned(x, y, (neck_x, neck_y), above), angle * course(rng, time_F))
    swing = from_zero(np.abs(wave_over(rng, time_F, (0.7, 1.8))))
    down = above * np.clip(0.4 + 0.6 * (neck_y - y) / reach, 0.0, 1.1)
    return [Term(np.stack([np.zeros_like(down), -down * amount], axis=2), swing)]


def centre_of(shape: Shape, at_y: float) -> float:
    """The middle of the figure in this row of the canvas, in pixels."""
    row = shape.alpha_HW[int(np.clip(at_y, 0, shape.alpha_HW.shape[0] - 1))]
    inside = np.flatnonzero(row > 0.5)
    return float(inside.mean()) if len(inside) else shape.middle


def flutter(rng: np.random.Generator, shape: Shape, amount: float, time_F: np.ndarray) -> list[Term]:
    """Hair and cloth in the wind: a wave travels outward and grows towards the outline."""
    x, y = grid(shape.alpha_HW.shape)
    middle_y = shape.top + shape.height / 2
    distance = np.hypot((x - shape.middle) / shape.width, (y - middle_y) / shape.height)
    out = np.clip(2 * distance, 0, 1.4) ** 2
    length = shape.height * float(rng.uniform(0.35, 0.9))
    phase = 2 * np.pi * (y + 0.4 * x) / length
    cycles, start = float(rng.uniform(0.9, 2.2)), float(rng.uniform(0, 2 * np.pi))
    turn = 2 * np.pi * cycles * time_F + start
    way = float(rng.uniform(-0.5, 0.5))
    fields = [out * amount * wave for wave in (np.cos(phase), -np.sin(phase))]
    amounts = [from_zero(np.sin(turn)), from_zero(np.cos(turn))]
    return [
        Term(np.stack([field, way * field], axis=2), swing)
        for field, swing in zip(fields, amounts, strict=True)
    ]


def limb(rng: np.random.Generator, shape: Shape, amount: float, time_F: np.ndarray) -> list[Term]:
    """A part that sticks out turns about where it joins the body."""
    x, y = grid(shape.alpha_HW.shape)
    rows, columns = np.nonzero(shape.alpha_HW[::4, ::4] > 0.5)
    if len(rows) < 12:
        return sway(rng, shape, amount, time_F)
    points = np.stack([columns, rows], axis=1).astype(np.float32) * 4
    centre = points.mean(0)
    way = float(rng.uniform(0, 2 * np.pi))
    along = np.array([np.cos(way), np.sin(way)], np.float32)
    tip = points[int(np.argmax((points - centre) @ along))]
    joint = centre + float(rng.uniform(0.3, 0.6)) * (tip - centre)
    reach = float(np.hypot(*(tip - joint)))
    if reach < 6:
        return sway(rng, shape, amount, time_F)
    heading = (tip - joint) / reach
    forward = (x - joint[0]) * heading[0] + (y - joint[1]) * heading[1]
    sideways = np.abs((y - joint[1]) * heading[0] - (x - joint[0]) * heading[1])
    share = smooth_step(forward / (0.45 * reach)) * smooth_step((1.4 * reach - sideways) / (0.7 * reach))
    angle = min(0.6, amount / reach * 2.0)
    return turning(turned(x, y, (float(joint[0]), float(joint[1])), share), angle * course(rng, time_F))


def bob(rng: np.random.Generator, shape: Shape, amount: float, time_F: np.ndarray) -> list[Term]:
    """The figure floats up and down and a little sideways, whole."""
    ones = np.ones_like(shape.alpha_HW)
    side = float(rng.uniform(-0.6, 0.6))
    return [Term(np.stack([ones * side, ones], axis=2) * amount * 0.8, course(rng, time_F))]


def ripple(rng: np.random.Generator, shape: Shape, amount: float, time_F: np.ndarray) -> list[Term]:
    """Smooth random bending of everything, of two wave lengths with their own swings."""
    tall, wide = shape.alpha_HW.shape
    terms: list[Term] = []
    for cells in (3, 5):
        coarse = rng.standard_normal((cells, cells, 2)).astype(np.float32)
        field = cv2.resize(coarse, (wide, tall), interpolation=cv2.INTER_CUBIC)
        field *= amount / (np.abs(field).max() + 1e-6)
        terms.append(
            Term(field * (1.0 if cells == 3 else 0.5), from_zero(wave_over(rng, time_F, (0.6, 1.6))))
        )
    return terms


#: How a figure may move, how often, and the words for it.
FIGURE_MOTIONS: tuple[tuple[float, FigureMotion], ...] = (
    (
        0.2,
        FigureMotion(
            "sway", ("sways", "sways in the wind", "swings", "bends", "dances", "moves in the breeze"), sway
        ),
    ),
    (0.12, FigureMotion("lean", ("leans", "rocks", "leans to the side", "tilts", "bows"), lean)),
    (0.14, FigureMotion("breathe", ("breathes", "sighs", "stands and breathes", "sleeps"), breathe)),
    (
        0.18,
        FigureMotion(
            "head", ("nods", "tilts the head", "moves the head", "shakes the head", "looks around"), head
        ),
    ),
    (
        0.12,
        FigureMotion(
            "flutter",
            ("flutters in the wind", "hair moves in the wind", "hair blows", "dress flutters"),
            flutter,
        ),
    ),
    (
        0.12,
        FigureMotion(
            "limb", ("waves", "moves an arm", "stretches", "waves a hand", "raises a hand", "points"), limb
        ),
    ),
    (0.06, FigureMotion("bob", ("floats", "bobs up and down", "hovers", "flies", "bounces"), bob)),
    (0.06, FigureMotion("ripple", ("moves", "stirs", "wobbles", "trembles", "shakes", "ripples"), ripple)),
)
