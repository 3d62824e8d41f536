"""A report card as one picture, for places that show pictures and no pages: frames, scores, and curves over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .card import ReportCard
from .card_page import number
from .subject import shrunk

_WIDE, _MARGIN, _LINE, _FRAMES = 1280, 24, 26, 8
_GROUND, _INK, _DIM, _RULE = (23, 24, 27), (228, 228, 226), (154, 156, 163), (52, 55, 61)
_COLOURS = (
    (108, 180, 255),
    (240, 180, 94),
    (143, 209, 138),
    (217, 155, 240),
    (240, 138, 160),
    (122, 215, 215),
)
#: Width and height of a curve, and how many stand beside each other.
_CURVE, _COLUMNS = (292, 64), 4


def picture_of(card: ReportCard, strips: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """uint8 RGB, 1280 wide. `strips`: name and uint8 frames_FHWC of what is shown at the top; those of runs by their names."""
    colours = {run.name: _COLOURS[index % len(_COLOURS)] for index, run in enumerate(card.runs)}
    parts = [_strip(name, frames, colours.get(name, _DIM)) for name, frames in strips]
    parts += [_scores(card), _curves(card)]
    return np.concatenate([np.asarray(part) for part in parts])


def _canvas(height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (_WIDE, height), _GROUND)
    return image, ImageDraw.Draw(image)


def _font(size: int = 15) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _strip(name: str, frames_FHWC: np.ndarray, colour: tuple[int, int, int]) -> Image.Image:
    chosen = np.linspace(0, len(frames_FHWC) - 1, min(_FRAMES, len(frames_FHWC))).round().astype(int)
    row = np.concatenate(list(shrunk(frames_FHWC[chosen], 160)), axis=1)
    strip = Image.fromarray(row)
    strip.thumbnail((_WIDE - 2 * _MARGIN, 200))
    image, draw = _canvas(strip.height + _LINE + _MARGIN // 2)
    draw.text((_MARGIN, 6), name, fill=colour, font=_font())
    image.paste(strip, (_MARGIN, _LINE + 4))
    return image


def _scores(card: ReportCard) -> Image.Image:
    """In two columns of measures."""
    names = card.measured
    rows = (len(names) + 1) // 2
    image, draw = _canvas(_MARGIN + (rows + 1) * _LINE)
    half = (_WIDE - 2 * _MARGIN) // 2
    apart = min(110, (half - 250) // max(1, len(card.runs)))
    for place, name in enumerate(names):
        left, top = _MARGIN + half * (place // rows), _MARGIN + (place % rows) * _LINE
        measure = card.measures[name]
        unit = f" ({measure.unit.replace('Δ', 'd')})" if measure.unit else ""
        draw.text((left, top), measure.title + unit, fill=_INK, font=_font())
        for index, run in enumerate(card.runs):
            found = run.summary(name)
            text = number(found.mean).replace("\N{MINUS SIGN}", "-") if found else ""
            draw.text(
                (left + 250 + apart * index, top), text, fill=_COLOURS[index % len(_COLOURS)], font=_font()
            )
        draw.line((left, top + _LINE - 5, left + half - _MARGIN, top + _LINE - 5), fill=_RULE)
    return image


def _curves(card: ReportCard) -> Image.Image:
    """Of the first clip of each run, as the page has them for each."""
    all_curves = {name: _of(card, name) for name in card.measured}
    drawn = [
        (card.measures[name].title, of) for name, of in all_curves.items() if any(len(c) > 1 for c in of)
    ]
    rows = -(-len(drawn) // _COLUMNS)
    width, height = _CURVE
    image, draw = _canvas(_MARGIN + rows * (height + _LINE + 10))
    for place, (title, curves) in enumerate(drawn):
        left = _MARGIN + (place % _COLUMNS) * (width + 20)
        top = 8 + (place // _COLUMNS) * (height + _LINE + 10)
        known = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
        draw.text((left, top), title, fill=_INK, font=_font(13))
        ends = f"{number(low)} to {number(high)}".replace("\N{MINUS SIGN}", "-")
        draw.text((left + width, top), ends, fill=_DIM, font=_font(12), anchor="ra")
        draw.rectangle((left, top + 20, left + width, top + 20 + height), fill=(31, 33, 37))
        for index, curve in enumerate(curves):
            points = [
                (left + width * at / max(1, len(curve) - 1), top + 16 + height - (height - 8) * (value - low) / max(high - low, 1e-9))
                for at, value in enumerate(curve)
                if np.isfinite(value)
            ]  # fmt: skip
            if len(points) > 1:
                draw.line(points, fill=_COLOURS[index % len(_COLOURS)], width=2)
    return image


def _of(card: ReportCard, name: str) -> list[np.ndarray]:
    readings = [run.clips[0].readings.get(name) for run in card.runs]
    return [
        np.zeros(0) if r is None or r.curve is None else np.asarray(r.curve, np.float64) for r in readings
    ]
