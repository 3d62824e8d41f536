"""A picture composed of drawings, as layers that can move: figures over a background, close-ups, figures on paper, sprites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from ...media.pictures import read_picture
from ...media.resize import cover
from ..cartoons.backgrounds import ART, make_background, painted_places, read_art
from ..cartoons.render import composite
from ..cartoons.styles import LINES, PALETTES
from .library import Drawing, read_rgba
from .looks import Look, draw_look, random_look
from .words import name_of

Role = Literal["background", "figure"]
#: A background is this much larger than the picture, so that a camera can move.
MARGIN = 1.25


@dataclass(frozen=True)
class SceneLayer:
    """`picture`: premultiplied uint8 RGBA [h, w, 4], its top left corner at (`left`, `top`) of the canvas, in pixels.

    `name` is for captions. `closed` and `mouths`: the same figure with its eyes closed and with other mouths, same shape and place.
    """

    picture: np.ndarray
    left: float
    top: float
    role: Role
    name: str = ""
    closed: np.ndarray | None = None
    mouths: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Scene:
    """Layers from back to front, on a canvas of `height` x `width` pixels."""

    layers: tuple[SceneLayer, ...]
    height: int
    width: int
    place: str
    look: Look
    is_close: bool = False


#: What a scene shows, and how often.
SCENES = {"figures": 0.42, "close-up": 0.2, "paper": 0.22, "sprite": 0.16}


def make_scene(rng: np.random.Generator, library: Sequence[Drawing], height: int, width: int) -> Scene:
    """Deterministic in `rng`; `height` and `width` are the canvas's, usually twice the clip's."""
    kind = str(rng.choice(list(SCENES), p=list(SCENES.values())))
    look = random_look(rng)
    place, background = backdrop(rng, library, height, width, plain=kind == "paper")
    if kind == "sprite":
        figures = [sprite(rng, height, width)]
    else:
        figures = [figure(rng, library, height, width, kind)]
        for _ in range(int(rng.choice([0, 1, 2], p=[0.6, 0.28, 0.12]))):
            figures.insert(0, figure(rng, library, height, width, "aside"))
    layers = [background, *figures]
    pictures = tuple(drawn(layer, look, rng) for layer in layers)
    return Scene(pictures, height, width, place, look, is_close=kind == "close-up")


def drawn(layer: SceneLayer, look: Look, rng: np.random.Generator) -> SceneLayer:
    """The layer as this look draws it; every expression with the same random choices."""
    seed = int(rng.integers(1 << 31))

    def draw(picture: np.ndarray) -> np.ndarray:
        return draw_look(picture, look, np.random.default_rng(seed))

    return replace(
        layer,
        picture=draw(layer.picture),
        closed=None if layer.closed is None else draw(layer.closed),
        mouths=tuple(draw(mouth) for mouth in layer.mouths),
    )


def figure(
    rng: np.random.Generator, library: Sequence[Drawing], height: int, width: int, kind: str
) -> SceneLayer:
    """One drawing, standing on or near the lower edge; a close-up shows its upper part."""
    drawing = library[int(rng.integers(len(library)))]
    picture = read_rgba(drawing.path)
    mirrored = rng.random() < 0.5
    low, high = {"figures": (0.6, 1.0), "paper": (0.65, 1.0), "close-up": (1.15, 2.2), "aside": (0.2, 0.5)}[
        kind
    ]
    room = min(height / picture.shape[0], width / picture.shape[1])
    scale = room * float(rng.uniform(low, high))

    def placed(path: Path) -> np.ndarray:
        rgba = read_rgba(path)
        return premultiplied(rgba[:, ::-1] if mirrored else rgba, scale)

    scaled = placed(drawing.path)
    tall, wide = scaled.shape[:2]
    middle = width * (float(rng.uniform(0.32, 0.68)) if kind != "aside" else float(rng.uniform(0.0, 1.0)))
    if kind == "close-up":
        top = float(rng.uniform(-0.15, 0.15)) * height
        middle = width * float(rng.uniform(0.4, 0.6))
    else:
        top = height * float(rng.uniform(0.9, 1.05)) - tall
        top = max(top, -0.1 * tall) if kind != "aside" else top
    closed = None if drawing.closed is None else placed(drawing.closed)
    mouths = tuple(placed(mouth) for mouth in drawing.mouths)
    name = name_of(drawing.words, drawing.category, int(rng.integers(12)))
    return SceneLayer(scaled, middle - wide / 2, top, "figure", name, closed, mouths)


def sprite(rng: np.random.Generator, height: int, width: int) -> SceneLayer:
    """The pack's visual-novel character; her laugh has closed eyes, her other expressions another mouth."""
    mirrored = rng.random() < 0.5
    names = {path.stem.rpartition("_")[2]: path for path in sorted(ART.glob("sylvie_blue_*"))}
    scale = height * float(rng.uniform(0.95, 2.3)) / read_art(names["normal"]).shape[0]
    pictures = {
        name: premultiplied(read_art(path)[:, ::-1] if mirrored else read_art(path), scale)
        for name, path in names.items()
    }
    wide = pictures["normal"].shape[1]
    left = width * float(rng.uniform(0.3, 0.7)) - wide / 2
    top = float(rng.uniform(0.0, 0.15)) * height
    first = str(rng.choice(["normal", "smile", "surprised"]))
    mouths = tuple(pictures[name] for name in ("normal", "smile", "surprised") if name != first)
    name = str(rng.choice(["girl with orange hair", "girl", "woman", "anime girl", "character"]))
    return SceneLayer(pictures[first], left, top, "figure", name, pictures["giggle"], mouths)


def premultiplied(rgba: np.ndarray, scale: float) -> np.ndarray:
    """Scaled with alpha taken into account: transparent pixels' colours do not bleed into edges."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    full = np.concatenate([rgba[..., :3] * alpha, rgba[..., 3:].astype(np.float32)], axis=2)
    size = max(4, round(rgba.shape[1] * scale)), max(4, round(rgba.shape[0] * scale))
    scaled = cv2.resize(full, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def backdrop(
    rng: np.random.Generator, library: Sequence[Drawing], height: int, width: int, *, plain: bool
) -> tuple[str, SceneLayer]:
    """(its name for captions, a layer `MARGIN` times the canvas, opaque)."""
    tall, wide = round(height * MARGIN), round(width * MARGIN)
    kind = (
        "paper"
        if plain
        else str(rng.choice(["cartoon", "painted", "drawing", "clouds"], p=[0.4, 0.27, 0.15, 0.18]))
    )
    name = ""
    if kind == "paper":
        shade = rng.uniform(0.93, 1.0) if rng.random() < 0.6 else rng.random()
        colour = 255 * np.clip(shade + rng.uniform(-0.05, 0.05, 3) * (1 if rng.random() < 0.6 else 6), 0, 1)
        picture = np.broadcast_to(colour, (tall, wide, 3)).astype(np.uint8)
    elif kind == "painted":
        places = painted_places()
        name = list(places)[int(rng.integers(len(places)))]
        picture = crop_of(rng, read_art(places[name]), tall, wide)
    elif kind == "drawing":
        drawing = read_picture(library[int(rng.integers(len(library)))].path)
        picture = crop_of(rng, drawing, tall, wide)
    elif kind == "clouds":
        picture = clouds(rng, tall, wide)
    else:
        name, picture = cartoon_place(rng, tall, wide)
    rgba = np.concatenate([picture, np.full((tall, wide, 1), 255, np.uint8)], axis=2)
    return name, SceneLayer(rgba, (width - wide) / 2, (height - tall) / 2, "background")


def cartoon_place(rng: np.random.Generator, tall: int, wide: int) -> tuple[str, np.ndarray]:
    palette = list(PALETTES["train"].values())[int(rng.integers(len(PALETTES["train"])))]
    line = list(LINES["train"].values())[int(rng.integers(len(LINES["train"])))]
    place = make_background(rng, palette, line, tall, wide, may_use_art=False)
    picture = place.far[:tall, :wide].copy()
    if place.near is not None:
        composite(picture, place.near[:tall, :wide])
    return "" if place.name == "plain" else place.name, picture


def crop_of(rng: np.random.Generator, picture: np.ndarray, tall: int, wide: int) -> np.ndarray:
    """A random part of random size that fills the canvas."""
    placed = cover((picture.shape[0], picture.shape[1]), (tall, wide))
    scale = placed.scale * float(rng.uniform(1.0, 1.8))
    size = max(wide, round(picture.shape[1] * scale)), max(tall, round(picture.shape[0] * scale))
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = int(rng.integers(size[1] - tall + 1)), int(rng.integers(size[0] - wide + 1))
    cut = scaled[top : top + tall, left : left + wide]
    return cut[:, ::-1].copy() if rng.random() < 0.5 else cut.copy()


def clouds(rng: np.random.Generator, tall: int, wide: int) -> np.ndarray:
    """Two or three colours mixed by noise of many sizes, like a wash of paint."""
    colours = rng.uniform(0, 255, (3, 3)).astype(np.float32)
    shares = np.stack([many_sizes(rng, tall, wide) for _ in range(3)], axis=2)
    shares = np.exp(float(rng.uniform(1.0, 4.0)) * shares)
    shares /= shares.sum(2, keepdims=True)
    return np.clip(shares @ colours, 0, 255).astype(np.uint8)


def many_sizes(rng: np.random.Generator, tall: int, wide: int) -> np.ndarray:
    """[tall, wide] noise of unit variance, its octaves falling off by a random power."""
    total = np.zeros((tall, wide), np.float32)
    fall = float(rng.uniform(0.45, 0.8))
    for octave in range(6):
        small = rng.standard_normal((2 + (2 << octave), 2 + (2 << octave))).astype(np.float32)
        total += fall**octave * cv2.resize(small, (wide, tall), interpolation=cv2.INTER_CUBIC)
    return (total - total.mean()) / (total.std() + 1e-6)
