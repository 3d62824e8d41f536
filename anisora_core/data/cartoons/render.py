"""A shot into pixels: supersampled frames, and exactly which pixels may differ from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from ..motion_score import labelled_score
from .backgrounds import ART, MARGIN, Background, make_background, read_art
from .drawing import Part, mark_touched, paint, rotated
from .motion import Pose, ease
from .shots import Actor, Shot, caption_of
from .styles import line_colour

_SUPERSAMPLE = 2


@dataclass(frozen=True)
class CartoonClip:
    """frames_FHWC uint8 RGB; moving_FHW: pixels that may differ between frame f and f + 1 (the last repeats).

    `motion_score` 0..6: 14 times the square root of the mean displacement of the frame's pixels, in frame heights per
    second (area of each moving part times how far its corners go; a camera moves every pixel).
    """

    frames_FHWC: np.ndarray
    moving_FHW: np.ndarray
    caption: str
    motion_score: float
    determined: bool
    action: str
    direction: str
    camera: str
    style: str
    split: str
    seed: int
    fps: float


@dataclass(frozen=True)
class View:
    """The camera at one frame: offset into the layers in 0..1 of their margin, and zoom about the centre."""

    x: float
    zoom: float


@dataclass(frozen=True)
class Layer:
    """An actor at one frame: painted parts in picture pixels, or a sprite and where it is warped to."""

    parts: list[Part]
    sprite: np.ndarray | None
    matrix: np.ndarray


def render(
    shot: Shot, *, num_frames: int = 33, height: int = 128, width: int = 128, fps: float = 12.0
) -> CartoonClip:
    """Draw the clip. The motion of a shot fills 33 frames; shorter clips see its beginning."""
    tall, wide = height * _SUPERSAMPLE, width * _SUPERSAMPLE
    background = backdrop(shot, tall, wide)
    times = [frame - frame % 2 if shot.on_twos else frame for frame in range(num_frames)]
    us = [shot.start + (1.0 - shot.start) * time / 32.0 for time in times]
    views = [view_at(shot, time / 32.0) for time in times]
    layers = [[place(actor, u, tall, wide) for actor in shot.actors] for u in us]
    frames = np.stack([draw(shot, background, layers[f], views[f], height, width) for f in range(num_frames)])
    moving, displacement = motion(shot, layers, views, tall, wide, height, width)
    hero = shot.actors[-1]
    speed = float(np.mean(displacement)) * fps
    is_camera = shot.camera != "still"
    return CartoonClip(
        frames_FHWC=frames,
        moving_FHW=moving,
        caption=caption_of(shot, background.name),
        motion_score=labelled_score(speed),
        determined=hero.action.determined,
        action=hero.action.name if not is_camera or hero.action.name != "stand" else shot.camera.split()[0],
        direction=hero.action.direction if not is_camera else shot.camera.split()[1],
        camera=shot.camera,
        style=shot.style,
        split=shot.split,
        seed=shot.seed,
        fps=fps,
    )


@lru_cache(maxsize=4)
def backdrop(shot: Shot, tall: int, wide: int) -> Background:
    rng = np.random.default_rng(shot.background_seed)
    if shot.plain:
        fill = np.array(shot.palette.colour(float(rng.random()), rng), np.uint8)
        size = (int(tall * MARGIN), int(wide * MARGIN), 3)
        return Background("plain", np.broadcast_to(fill, size).copy(), None)
    return make_background(rng, shot.palette, shot.line, tall, wide, may_use_art=shot.split == "train")


def view_at(shot: Shot, u: float) -> View:
    """Pans cross up to the whole margin; zooms change the scale by up to 45 %."""
    kind, _, way = shot.camera.partition(" ")
    gone = ease(u) * shot.camera_amount
    if kind == "pan":
        return View(0.5 + (0.5 if way == "right" else -0.5) * gone, 1.0)
    if kind == "zoom":
        return View(0.5, 1.0 + 0.45 * gone if way == "in" else 1.45 - 0.45 * gone)
    return View(0.5, 1.0)


def place(actor: Actor, u: float, tall: int, wide: int) -> Layer:
    pose = actor.action.pose(u, actor.amplitude)
    feet = np.array([actor.x * wide + pose.dx * tall, (actor.y + pose.dy) * tall])
    scale = actor.scale * (1.0 + pose.grow) * tall
    if actor.figure is None:
        return sprite_layer(actor, pose, feet, scale)
    pivot = (0.0, -0.5)
    stretch = (
        np.array([1.0 + 0.4 * pose.squash, 1.0 - 0.4 * pose.squash]) if not actor.figure.is_character else 1.0
    )
    parts = [
        Part(rotated(part.points * stretch, pose.angle, pivot) * scale + feet, part.fill, part.outlined)
        for part in actor.figure.parts(pose)
    ]
    return Layer(parts, None, np.zeros((2, 3)))


def sprite_layer(actor: Actor, pose: Pose, feet: np.ndarray, scale: float) -> Layer:
    """A cut-out: its whole picture leans, hops and squashes; blinking and talking swap the expression."""
    names = sorted(ART.glob("sylvie_blue_*"))
    if not names:
        raise ValueError(f"no sprites in {ART.name}; restore the folder")
    shift = int(pose.blink > 0.5) + 2 * int(pose.mouth > 0.5)
    sprite = read_art(names[(actor.sprite + shift) % len(names)])
    if actor.mirrored:
        sprite = sprite[:, ::-1]
    unit = scale * 1.15 / sprite.shape[0]
    angle = pose.lean * 0.6 + pose.turn * 0.06 + 0.05 * pose.stride + 0.12 * (pose.arm_left + pose.arm_right)
    tall = unit * (1.0 - 0.35 * pose.squash - 0.04 * pose.nod)
    matrix = rotated(np.array([[unit, 0.0], [0.0, tall]]), angle).T
    middle = matrix @ np.array([sprite.shape[1] / 2, sprite.shape[0]])
    return Layer([], sprite, np.column_stack([matrix, feet - middle]))


def draw(
    shot: Shot, background: Background, layers: list[Layer], view: View, height: int, width: int
) -> np.ndarray:
    tall, wide = height * _SUPERSAMPLE, width * _SUPERSAMPLE
    image = crop(background.far, 0.5 + (view.x - 0.5) * 0.5, tall, wide).copy()
    if background.near is not None:
        composite(image, crop(background.near, view.x, tall, wide))
    offset = camera_offset(view, wide)
    for layer in layers:
        if layer.sprite is not None:
            matrix = layer.matrix + np.array([[0, 0, offset], [0, 0, 0]])
            composite(image, cv2.warpAffine(layer.sprite, matrix, (wide, tall), flags=1))
        for part in layer.parts:
            outline = line_colour(shot.line, part.fill) if part.outlined and shot.line.width else None
            paint(image, part.points + [offset, 0.0], part.fill, outline, shot.line.width * tall * 0.8)
    if view.zoom != 1.0:
        z = view.zoom
        matrix = np.array([[z, 0, wide / 2 * (1 - z)], [0, z, tall / 2 * (1 - z)]])
        image = cv2.warpAffine(image, matrix, (wide, tall), flags=1, borderMode=1)
    return cv2.resize(image, (width, height), interpolation=3)


def camera_offset(view: View, wide: int) -> float:
    """How far a pan has carried the actors, in pixels: as the near layer."""
    return (0.5 - view.x) * (MARGIN - 1.0) * wide


def crop(layer: np.ndarray, x: float, tall: int, wide: int) -> np.ndarray:
    left = round(x * (layer.shape[1] - wide))
    top = (layer.shape[0] - tall) // 2
    return layer[top : top + tall, left : left + wide]


def composite(image: np.ndarray, rgba: np.ndarray) -> None:
    alpha = rgba[..., 3:].astype(np.uint16)
    image[:] = ((rgba[..., :3] * alpha + image * (255 - alpha)) // 255).astype(np.uint8)


def motion(
    shot: Shot, layers: list[list[Layer]], views: list[View], tall: int, wide: int, height: int, width: int
) -> tuple[np.ndarray, list[float]]:
    """(moving_FHW, mean displacement per frame in frame heights)."""
    moving = np.zeros((len(layers), height, width), bool)
    displacement: list[float] = []
    for f in range(len(layers) - 1):
        mask = np.zeros((tall, wide), np.uint8)
        moved = 0.0
        for now, after in zip(layers[f], layers[f + 1], strict=True):
            moved += moved_layer(mask, now, after, shot.line.width * tall)
        if views[f] != views[f + 1]:
            mask[:] = 1
            pan = abs(camera_offset(views[f + 1], wide) - camera_offset(views[f], wide)) * 0.7
            moved += (pan + 0.35 * abs(views[f + 1].zoom - views[f].zoom) * tall) * tall * wide
        moving[f] = cv2.resize(mask * 255, (width, height), interpolation=3) > 0
        displacement.append(moved / (tall * wide) / tall)
    moving[-1] = moving[-2] if len(layers) > 1 else False
    return moving, displacement or [0.0]


def moved_layer(mask: np.ndarray, now: Layer, after: Layer, line: float) -> float:
    """Mark what the layer's change can touch; returns displacement times area, in pixels cubed."""
    tall, wide = mask.shape
    moved = 0.0
    if now.sprite is not None and after.sprite is not None:
        if now.sprite is after.sprite and np.array_equal(now.matrix, after.matrix):
            return 0.0
        height, width = now.sprite.shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
        quads = [corners @ layer.matrix[:, :2].T + layer.matrix[:, 2] for layer in (now, after)]
        for quad in quads:
            mark_touched(mask, quad, 2.0)
        far = float(np.hypot(*(quads[1] - quads[0]).T).mean())
        return (
            far
            * 0.35
            * min(1.0, float(abs(np.linalg.det(now.matrix[:, :2])) * height * width) / (tall * wide))
            * tall
            * wide
        )
    for before, later in zip(now.parts, after.parts, strict=True):
        if np.array_equal(before.points, later.points) and before.fill == later.fill:
            continue
        for part in (before, later):
            mark_touched(mask, part.points, line * 0.5 + 2.0)
        area = min(abs(float(cv2.contourArea(before.points.astype(np.float32)))), tall * wide)
        moved += float(np.hypot(*(later.points - before.points).T).mean()) * area
    return moved
