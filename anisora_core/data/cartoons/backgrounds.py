"""What is behind: a far layer and a near one that a pan moves faster (parallax). Both are wider than the picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ...media.images import read_as_stored
from ...media.resize import cover
from .drawing import Points, ellipse, paint, rounded
from .styles import Line, Palette, line_colour

ART = Path(__file__).parent / "art"
PLACES = ("meadow", "city", "room", "sea")
MARGIN = 1.4  # layers are this much larger than the picture


@dataclass(frozen=True)
class Background:
    """`far` RGB and `near` RGBA, uint8, both `MARGIN` times the picture; `name` for captions."""

    name: str
    far: np.ndarray
    near: np.ndarray | None


def make_background(
    rng: np.random.Generator, palette: Palette, line: Line, height: int, width: int, *, may_use_art: bool
) -> Background:
    tall, wide = int(height * MARGIN), int(width * MARGIN)
    art = painted_places() if may_use_art else {}
    kind = str(rng.choice(["plain", *PLACES, "photo"], p=[0.24, 0.2, 0.16, 0.14, 0.11, 0.15]))
    if kind == "photo" and art:
        name = list(art)[int(rng.integers(len(art)))]
        return Background(name, cover_with(read_art(art[name]), tall, wide), None)
    kind = "plain" if kind == "photo" else kind
    top, bottom = (np.array(palette.colour(float(rng.random()), rng), np.float32) for _ in range(2))
    if kind == "plain" and rng.random() < 0.5:
        bottom = top
    blend = np.linspace(0.0, 1.0, tall, dtype=np.float32)[:, None, None]
    far = np.broadcast_to(top * (1 - blend) + bottom * blend, (tall, wide, 3)).astype(np.uint8).copy()
    near = None
    if kind != "plain":
        near = np.zeros((tall, wide, 4), np.uint8)
        _LAYERS[kind](far, near, rng, palette, line)
    return Background(kind, far, near)


def painted_places() -> dict[str, Path]:
    """Pictures that painters made, by the name of the place."""
    return {path.stem.removeprefix("tq_bg_"): path for path in sorted(ART.glob("tq_*.jpg"))}


@lru_cache(maxsize=32)
def read_art(path: Path) -> np.ndarray:
    return read_as_stored(path)


def cover_with(picture: np.ndarray, tall: int, wide: int) -> np.ndarray:
    placed = cover((picture.shape[0], picture.shape[1]), (tall, wide))
    interpolation = 3 if placed.scale < 1 else 1  # areas averaged, or linear
    return cv2.resize(picture, placed.scaled[::-1], interpolation=interpolation)[:tall, :wide].copy()


def blob(image: np.ndarray, points: Points, rng: np.random.Generator, palette: Palette, line: Line) -> None:
    """Paint on RGB, or on RGBA with full cover."""
    fill = palette.colour(float(rng.random()), rng)
    outline = line_colour(line, fill) if line.width else None
    if image.shape[2] == 3:
        paint(image, points, fill, outline, line.width * image.shape[0] / MARGIN)
        return
    rgb, alpha = np.ascontiguousarray(image[..., :3]), np.ascontiguousarray(image[..., 3])
    paint(rgb, points, fill, outline, line.width * image.shape[0] / MARGIN)
    cv2.fillPoly(alpha, [np.round(points).astype(np.int32)], 255)
    image[..., :3], image[..., 3] = rgb, alpha


def hills(image: np.ndarray, level: float, rng: np.random.Generator, palette: Palette, line: Line) -> None:
    tall, wide = image.shape[:2]
    x = np.linspace(-5, wide + 5, 24)
    waves = np.sin(x / wide * rng.uniform(4, 12) + rng.uniform(0, 6)) * rng.uniform(0.02, 0.06) * tall
    ridge = np.stack([x, level * tall + waves], axis=1)
    blob(image, np.concatenate([ridge, [[wide + 5, tall + 5], [-5, tall + 5]]]), rng, palette, line)


def meadow(far: np.ndarray, near: np.ndarray, rng: np.random.Generator, palette: Palette, line: Line) -> None:
    tall, wide = far.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        cx, cy = rng.uniform(0, wide), rng.uniform(0.05, 0.35) * tall
        blob(far, ellipse(cx, cy, rng.uniform(0.06, 0.14) * wide, 0.04 * tall), rng, palette, line)
    hills(far, rng.uniform(0.45, 0.6), rng, palette, line)
    hills(near, rng.uniform(0.66, 0.78), rng, palette, line)
    for _ in range(int(rng.integers(1, 4))):
        x, y, size = rng.uniform(0, wide), rng.uniform(0.55, 0.7) * tall, rng.uniform(0.06, 0.12) * tall
        trunk = np.array(
            [
                [x - 0.2 * size, y],
                [x + 0.2 * size, y],
                [x + 0.25 * size, y + 2 * size],
                [x - 0.25 * size, y + 2 * size],
            ]
        )
        blob(near, trunk, rng, palette, line)
        blob(near, ellipse(x, y - 0.3 * size, size, 1.2 * size), rng, palette, line)


def city(far: np.ndarray, near: np.ndarray, rng: np.random.Generator, palette: Palette, line: Line) -> None:
    tall, wide = far.shape[:2]
    for layer, count, low in ((far, 7, 0.25), (near, 4, 0.4)):
        for i in range(count):
            left = (i + rng.uniform(-0.2, 0.2)) * wide / count
            right, top = left + wide / count * rng.uniform(0.5, 0.95), rng.uniform(low, 0.6) * tall
            blob(
                layer, np.array([[left, top], [right, top], [right, tall], [left, tall]]), rng, palette, line
            )
    hills(near, 0.8, rng, palette, line)


def room(far: np.ndarray, near: np.ndarray, rng: np.random.Generator, palette: Palette, line: Line) -> None:
    tall, wide = far.shape[:2]
    left, top, right, bottom = (np.array([0.15, 0.15, 0.45, 0.5]) + rng.uniform(-0.08, 0.2, 4)) * [
        wide,
        tall,
        wide,
        tall,
    ]
    blob(far, np.array([[left, top], [right, top], [right, bottom], [left, bottom]]), rng, palette, line)
    blob(
        far,
        np.array([[-5, 0.76 * tall], [wide + 5, 0.76 * tall], [wide + 5, tall + 5], [-5, tall + 5]]),
        rng,
        palette,
        line,
    )
    table_x = rng.uniform(0.1, 0.7) * wide
    table = np.array([[0, 0.62], [0.3, 0.62], [0.3, 0.86], [0, 0.86]]) * [wide, tall] + [table_x, 0]
    blob(near, table, rng, palette, line)


def sea(far: np.ndarray, near: np.ndarray, rng: np.random.Generator, palette: Palette, line: Line) -> None:
    tall, wide = far.shape[:2]
    blob(far, ellipse(rng.uniform(0.2, 0.8) * wide, 0.25 * tall, 0.1 * tall, 0.1 * tall), rng, palette, line)
    blob(
        far,
        np.array([[-5, 0.55 * tall], [wide + 5, 0.55 * tall], [wide + 5, tall + 5], [-5, tall + 5]]),
        rng,
        palette,
        line,
    )
    isle = np.array([[0.1, 0.56], [0.3, 0.44], [0.5, 0.5], [0.62, 0.56]]) * [wide, tall] + [
        rng.uniform(-0.1, 0.3) * wide,
        0,
    ]
    blob(far, rounded(isle, 1), rng, palette, line)
    hills(near, 0.8, rng, palette, line)


_LAYERS = {"meadow": meadow, "city": city, "room": room, "sea": sea}
