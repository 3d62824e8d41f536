"""Who and what is in the picture: a figure turns a pose into painted parts.

Figures live in their own units: the origin is where they stand, y up to -1 is their height.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .drawing import Colour, Part, Points, ellipse, limb, rotated, rounded
from .motion import Pose
from .styles import Palette, shaded

SKIN_HUES = (0.055, 0.065, 0.08)
HAIR = {"red": 0.02, "orange": 0.07, "blond": 0.13, "green": 0.38, "blue": 0.60, "purple": 0.76, "pink": 0.90}
CLOTHES = {"red": 0.0, "yellow": 0.14, "green": 0.35, "blue": 0.60, "purple": 0.78}


@dataclass(frozen=True)
class Figure:
    """A drawable thing: its name for captions and its shapes for a pose."""

    name: str
    parts: Callable[[Pose], list[Part]]
    is_character: bool


@dataclass(frozen=True)
class Looks:
    """The colours and proportions of a character."""

    skin: Colour
    hair: Colour
    cloth: Colour
    legs: Colour
    eyes: Colour
    head: float
    long_hair: bool
    has_skirt: bool
    spikes: int
    is_cel: bool


def make_character(rng: np.random.Generator, palette: Palette) -> Figure:
    hair_name, cloth_name = str(rng.choice(list(HAIR))), str(rng.choice(list(CLOTHES)))
    is_girl = bool(rng.random() < 0.6)
    skin = Palette((0.2, 0.5), (0.75, 1.0), palette.tint).colour(float(rng.choice(SKIN_HUES)), rng)
    looks = Looks(
        skin=skin,
        hair=palette.colour(HAIR[hair_name], rng),
        cloth=palette.colour(CLOTHES[cloth_name], rng),
        legs=palette.colour(float(rng.random()), rng),
        eyes=Palette((0.5, 0.9), (0.15, 0.5)).colour(float(rng.random()), rng),
        head=float(rng.uniform(0.19, 0.25)),
        long_hair=is_girl,
        has_skirt=is_girl and bool(rng.random() < 0.7),
        spikes=int(rng.integers(3, 7)),
        is_cel=bool(rng.random() < 0.6),
    )
    name = f"{'girl' if is_girl else 'boy'} with {hair_name} hair in {cloth_name}"
    return Figure(name, lambda pose: character_parts(looks, pose), is_character=True)


def character_parts(looks: Looks, pose: Pose) -> list[Part]:
    """Back to front: back hair, legs, body, arms, head. `squash` bends the knees, `lean` bends the body sideways."""
    hip = np.array([0.0, -0.36 * (1.0 - 0.6 * pose.squash)])
    spine = np.array([np.sin(pose.lean), -np.cos(pose.lean)])
    chest = hip + spine * 0.24
    head = chest + spine * (0.06 + looks.head * 0.75) + np.array([0.03 * pose.turn, 0.05 * pose.nod])
    parts = [*back_hair(looks, head, pose), *legs(looks, hip, pose), *body(looks, hip, chest, pose)]
    for side, angle in ((-1.0, pose.arm_left), (1.0, pose.arm_right)):
        parts += arm(looks, chest + np.array([side * 0.085, 0.02]), side, angle)
    return [*parts, *head_parts(looks, head, pose)]


def legs(looks: Looks, hip: Points, pose: Pose) -> list[Part]:
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        foot = np.array(
            [side * 0.055 + side * 0.35 * np.sin(pose.stride) * 0.5, -0.02 - 0.03 * abs(pose.stride)]
        )
        knee = (hip + foot) / 2 + np.array([side * 0.14 * pose.squash, 0.0])
        start = hip + np.array([side * 0.05, 0.0])
        parts += [
            Part(limb(start, knee, 0.05, 0.042), looks.legs),
            Part(limb(knee, foot, 0.042, 0.038), looks.legs),
        ]
        parts.append(
            Part(ellipse(foot[0] + 0.012 * side, foot[1] + 0.005, 0.05, 0.026), shaded(looks.legs, 0.55))
        )
    return parts


def body(looks: Looks, hip: Points, chest: Points, pose: Pose) -> list[Part]:
    wide = 0.15 if looks.has_skirt else 0.095
    hem = hip + np.array([0.05 * pose.sway, 0.11 if looks.has_skirt else 0.03])
    left, right = np.array([-1.0, 0.0]), np.array([1.0, 0.0])
    outline = np.array([
        chest + left * 0.075, chest + right * 0.075, hip + right * 0.085, hem + right * wide, hem + left * wide,
        hip + left * 0.085,
    ])  # fmt: skip
    parts = [Part(rounded(outline, 1), looks.cloth)]
    if looks.is_cel:
        shade = np.array(
            [chest + right * 0.01, chest + right * 0.07, hem + right * wide * 0.95, hem + right * wide * 0.3]
        )
        parts.append(Part(shade, shaded(looks.cloth), outlined=False))
    return parts


def arm(looks: Looks, shoulder: Points, side: float, angle: float) -> list[Part]:
    """Angles are clockwise as seen; an arm hangs down at 0 and a little outwards."""
    rest = np.array([side * 0.25, 1.0]) / np.hypot(0.25, 1.0)
    upper = rotated(rest[None], angle)[0]
    lower = rotated(rest[None], angle * 1.15)[0]
    elbow = shoulder + upper * 0.12
    hand = elbow + lower * 0.12
    return [
        Part(limb(elbow, hand, 0.028, 0.024), looks.skin),
        Part(limb(shoulder, elbow, 0.036, 0.032), looks.cloth),
        Part(ellipse(hand[0], hand[1], 0.032, 0.032), looks.skin),
    ]


def back_hair(looks: Looks, head: Points, pose: Pose) -> list[Part]:
    if not looks.long_hair:
        return []
    size = looks.head
    tip = head + np.array([0.5 * size * pose.sway, 1.9 * size])
    strand = np.array([
        head + [-1.05 * size, -0.1 * size], head + [1.05 * size, -0.1 * size], tip + [0.75 * size, -0.2 * size],
        tip + [0.2 * size, 0.1 * size], tip + [-0.6 * size, -0.1 * size],
    ])  # fmt: skip
    return [Part(rounded(strand), shaded(looks.hair))]


def head_parts(looks: Looks, head: Points, pose: Pose) -> list[Part]:
    size = looks.head
    face = head + np.array([0.0, 0.12 * size])
    parts = [
        Part(ellipse(head[0], head[1] - 0.08 * size, 1.02 * size, 1.0 * size), looks.hair),
        Part(ellipse(face[0] + 0.08 * size * pose.turn, face[1], 0.82 * size, 0.80 * size), looks.skin),
    ]
    if looks.is_cel:
        cheek = ellipse(
            face[0] + 0.45 * size + 0.1 * size * pose.turn,
            face[1] + 0.3 * size,
            0.28 * size,
            0.36 * size,
            0.4,
        )
        parts.append(Part(cheek, shaded(looks.skin, 0.9), outlined=False))
    look_x, look_y = face[0] + 0.42 * size * pose.turn, face[1] + 0.25 * size * pose.nod
    for side in (-1.0, 1.0):
        parts += eye(
            looks, look_x + side * 0.36 * size * (1.0 - 0.25 * abs(pose.turn)), look_y, size, pose.blink
        )
    opening = 0.035 + 0.13 * pose.mouth
    parts.append(
        Part(
            ellipse(look_x, look_y + 0.46 * size, 0.13 * size, opening * size), (150, 50, 60), outlined=False
        )
    )
    return [*parts, Part(fringe(looks, head, pose), looks.hair)]


def eye(looks: Looks, x: float, y: float, size: float, blink: float) -> list[Part]:
    """White, iris, light. A closed eye keeps its parts, flat and dark: what moves is compared part by part."""
    is_open = blink < 0.5
    white, flat = ((250, 250, 250), 1.0) if is_open else (looks.eyes, 0.12)
    light = (255, 255, 255) if is_open else looks.eyes
    return [
        Part(ellipse(x, y, 0.17 * size, 0.24 * flat * size), white, outlined=False),
        Part(ellipse(x, y + 0.02 * size, 0.12 * size, 0.19 * flat * size), looks.eyes, outlined=False),
        Part(
            ellipse(x - 0.04 * size, y - 0.07 * flat * size, 0.05 * size, 0.06 * flat * size),
            light,
            outlined=False,
        ),
    ]


def fringe(looks: Looks, head: Points, pose: Pose) -> Points:
    """Spikes of hair over the forehead, swinging with `sway` and following the turn of the face."""
    size, count = looks.head, looks.spikes
    top = [
        head + np.array([np.cos(a), np.sin(a)]) * size * [1.04, 1.1]
        for a in np.linspace(np.pi, 2 * np.pi, 11)
    ]
    across = np.linspace(1.0, -1.0, 2 * count + 1)
    swing = 0.12 * pose.sway + 0.22 * pose.turn
    low = [
        head
        + size
        * np.array(
            [
                x * 1.0 + (swing if i % 2 else 0.0),
                0.02 if i % 2 == 0 and 0 < i < 2 * count else -0.38 + 0.2 * (i % 2),
            ]
        )
        for i, x in enumerate(across)
    ]
    return np.array([*top, *low])


def make_object(rng: np.random.Generator, palette: Palette) -> Figure:
    name = str(rng.choice(list(OBJECTS)))
    colour_name = str(rng.choice(list(CLOTHES)))
    main, second = palette.colour(CLOTHES[colour_name], rng), palette.colour(float(rng.random()), rng)
    shape = OBJECTS[name]
    return Figure(f"{colour_name} {name}", lambda pose: shape(main, second, pose), is_character=False)


def ball(main: Colour, second: Colour, pose: Pose) -> list[Part]:
    spots = [
        Part(ellipse(0.28 * x, -0.5 + 0.28 * y, 0.12, 0.12), second, outlined=False)
        for x, y in ((-1, 0), (0.6, 0.7), (0.5, -0.8))
    ]
    return [Part(ellipse(0, -0.5, 0.5, 0.5, corners=36), main), *spots]


def balloon(main: Colour, second: Colour, pose: Pose) -> list[Part]:
    string = limb(np.array([0.0, -0.35]), np.array([0.12 * pose.sway, 0.0]), 0.012, 0.012)
    shine = Part(ellipse(-0.12, -0.82, 0.06, 0.1, 0.4), (250, 250, 250), outlined=False)
    return [Part(string, second), Part(ellipse(0.06 * pose.sway, -0.68, 0.32, 0.36), main), shine]


def car(main: Colour, second: Colour, pose: Pose) -> list[Part]:
    cabin = rounded(np.array([[-0.45, -0.45], [-0.3, -0.85], [0.3, -0.85], [0.5, -0.45]]), 1)
    hull = rounded(np.array([[-0.85, -0.15], [-0.85, -0.5], [0.85, -0.5], [0.9, -0.15]]), 1)
    wheels = [Part(ellipse(x, -0.15, 0.18, 0.18), (45, 42, 50)) for x in (-0.5, 0.5)]
    return [Part(cabin, second), Part(hull, main), *wheels]


def star(main: Colour, second: Colour, pose: Pose) -> list[Part]:
    turn = np.linspace(0, 2 * np.pi, 11)[:-1] - np.pi / 2
    reach = np.where(np.arange(10) % 2 == 0, 0.52, 0.24)
    points = np.stack([reach * np.cos(turn), reach * np.sin(turn) - 0.5], axis=1)
    return [Part(points, main), Part(ellipse(0, -0.5, 0.1, 0.1), second, outlined=False)]


def leaf(main: Colour, second: Colour, pose: Pose) -> list[Part]:
    blade = rounded(
        np.array([[0, -1.0], [0.35, -0.6], [0.25, -0.2], [0, 0.0], [-0.25, -0.2], [-0.35, -0.6]]), 2
    )
    return [
        Part(blade, main),
        Part(limb(np.array([0.0, -0.85]), np.array([0.0, 0.1]), 0.02, 0.03), second, outlined=False),
    ]


def cat(main: Colour, second: Colour, pose: Pose) -> list[Part]:
    tail = limb(np.array([0.4, -0.15]), np.array([0.75, -0.55 + 0.2 * pose.sway]), 0.09, 0.06)
    ears = [Part(np.array([[s * 0.38, -0.95], [s * 0.42, -1.3], [s * 0.08, -1.05]]), main) for s in (-1, 1)]
    eyes = [
        Part(ellipse(s * 0.17, -0.78, 0.06, 0.09 * (1 - 0.8 * pose.blink)), (30, 30, 40), outlined=False)
        for s in (-1, 1)
    ]
    return [
        Part(tail, main), Part(ellipse(0, -0.3, 0.48, 0.34), main), *ears, Part(ellipse(0, -0.75, 0.42, 0.36), main),
        Part(ellipse(0, -0.62, 0.17, 0.11), second, outlined=False), *eyes,
    ]  # fmt: skip


def box(main: Colour, second: Colour, pose: Pose) -> list[Part]:
    return [
        Part(np.array([[-0.5, -0.9], [0.5, -0.9], [0.5, 0.0], [-0.5, 0.0]]), main),
        Part(np.array([[-0.1, -0.9], [0.1, -0.9], [0.1, 0.0], [-0.1, 0.0]]), second, outlined=False),
    ]


def fish(main: Colour, second: Colour, pose: Pose) -> list[Part]:
    tail = np.array([[0.45, -0.4], [0.85, -0.7], [0.8, -0.1]])
    eye_part = Part(ellipse(-0.3, -0.48, 0.07, 0.07), (20, 20, 30), outlined=False)
    return [Part(tail, second), Part(ellipse(0, -0.4, 0.6, 0.34), main), eye_part]


OBJECTS = {
    "ball": ball, "balloon": balloon, "car": car, "star": star, "leaf": leaf, "cat": cat, "box": box, "fish": fish,
}  # fmt: skip
