"""Line and colour styles. A style is a line style and a palette; `heldout` has its own of both."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from .drawing import Colour


@dataclass(frozen=True)
class Palette:
    """Ranges of saturation and value; `tint` (hue, amount) pulls every colour towards one hue."""

    saturation: tuple[float, float]
    value: tuple[float, float]
    tint: tuple[float, float] = (0.0, 0.0)

    def colour(self, hue: float, rng: np.random.Generator) -> Colour:
        target, amount = self.tint
        hue = hue + amount * (target - hue)
        return as_bytes(
            colorsys.hsv_to_rgb(hue % 1.0, rng.uniform(*self.saturation), rng.uniform(*self.value))
        )


@dataclass(frozen=True)
class Line:
    """Width as a fraction of the picture's height; `value` is its brightness, `coloured` takes the fill's hue."""

    width: float
    value: float = 0.06
    coloured: bool = False


PALETTES = {
    "train": {
        "saturated": Palette((0.55, 0.95), (0.70, 1.0)),
        "pastel": Palette((0.18, 0.42), (0.85, 1.0)),
        "muted": Palette((0.20, 0.50), (0.45, 0.80)),
        "night": Palette((0.35, 0.70), (0.25, 0.60), (0.63, 0.6)),
        "sunset": Palette((0.45, 0.85), (0.65, 1.0), (0.05, 0.55)),
    },
    "heldout": {
        "sepia": Palette((0.20, 0.45), (0.45, 0.95), (0.09, 0.9)),
        "forest": Palette((0.35, 0.75), (0.40, 0.90), (0.36, 0.6)),
    },
}
LINES = {
    "train": {
        "ink": Line(0.012),
        "brush": Line(0.02),
        "fine": Line(0.006),
        "coloured": Line(0.011, 0.35, coloured=True),
        "none": Line(0.0),
    },
    "heldout": {"marker": Line(0.026, 0.12), "pencil": Line(0.009, 0.42)},
}


def as_bytes(rgb: tuple[float, float, float]) -> Colour:
    red, green, blue = (round(255.0 * c) for c in rgb)
    return red, green, blue


def shaded(colour: Colour, factor: float = 0.78) -> Colour:
    """The cel shadow of a colour: darker and a little bluer."""
    red, green, blue = colour
    return int(red * factor), int(green * factor), min(255, int(blue * factor + 12))


def line_colour(line: Line, fill: Colour) -> Colour:
    if not line.coloured:
        return as_bytes((line.value, line.value * 0.9, line.value * 1.1))
    red, green, blue = (int(c * line.value) for c in fill)
    return red, green, blue
