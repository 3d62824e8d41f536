"""How a layer is drawn: as it is, as a line drawing, with manga tones, as a painting; its light and its colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

#: How often; the rest of the pictures stay as they were drawn.
LOOKS = {"as drawn": 0.56, "lines": 0.12, "tones": 0.1, "painted": 0.22}


@dataclass(frozen=True)
class Look:
    """`gain` and `lift` are factors and offsets of each colour, `saturation` mixes with grey, `strength` is the look's own amount, 0..1;
    `paper` is the contrast of the paper's grain, of 255."""

    name: str
    gain: tuple[float, float, float]
    lift: tuple[float, float, float]
    saturation: float
    strength: float
    paper: float


def random_look(rng: np.random.Generator) -> Look:
    name = str(rng.choice(list(LOOKS), p=list(LOOKS.values())))
    if rng.random() < 0.5:
        gain, lift, saturation = np.ones(3), np.zeros(3), 1.0
    else:
        gain = rng.uniform(0.55, 1.15) * rng.uniform(0.85, 1.15, 3)
        lift = rng.uniform(-0.05, 0.2) + rng.uniform(-0.06, 0.06, 3)
        saturation = float(rng.uniform(0.2, 1.3))
    red, green, blue = (float(v) for v in gain)
    paper = float(rng.uniform(2, 14)) if rng.random() < 0.3 else 0.0
    return Look(
        name,
        (red, green, blue),
        (float(lift[0]), float(lift[1]), float(lift[2])),
        saturation,
        float(rng.random()),
        paper,
    )


def draw_look(picture: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """`picture`: premultiplied uint8 RGBA; the result too, with the same alpha."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    rgb = picture[..., :3].astype(np.float32) / 255 / np.maximum(alpha, 1 / 255)
    rgb = _LOOKS[look.name](np.clip(rgb, 0, 1), look.strength, rng)
    grey = rgb.mean(2, keepdims=True)
    rgb = grey + look.saturation * (rgb - grey)
    rgb = rgb * np.array(look.gain, np.float32) + np.array(look.lift, np.float32)
    premultiplied = np.clip(rgb, 0, 1) * alpha
    return np.concatenate([np.rint(premultiplied * 255).astype(np.uint8), picture[..., 3:]], axis=2)


def as_drawn(rgb: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    return rgb


def lines(rgb: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lines where the picture is darker than its surroundings (difference of Gaussians, Winnemoeller 2011), on white or faint colour."""
    grey = rgb.mean(2)
    width = 0.7 + 1.2 * strength
    dark = cv2.GaussianBlur(grey, (0, 0), width * 1.6) - cv2.GaussianBlur(grey, (0, 0), width)
    ink = np.clip(1.0 - np.maximum(dark, 0) * 14.0, 0, 1)[..., None]
    colour = 1.0 - float(rng.choice([0.0, 0.0, 0.25])) * (1.0 - rgb)
    tone = 0.1 + 0.25 * float(rng.random())
    return colour * (tone + (1 - tone) * ink)


def tones(rgb: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Black, white and a screen of dots for what lies between, as manga is printed."""
    grey = rgb.mean(2)
    tall, wide = grey.shape
    pitch = 5.0 + 6.0 * strength
    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32)
    angle = float(rng.uniform(0, np.pi))
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    screen = 0.5 + 0.25 * (np.cos(2 * np.pi * u / pitch) + np.cos(2 * np.pi * v / pitch))
    printed = np.clip((grey - screen) * 3.0 + 0.5, 0, 1)
    printed = np.where(grey > 0.85, 1.0, np.where(grey < 0.18, 0.04, printed))
    return np.repeat(printed[..., None], 3, axis=2).astype(np.float32)


def painted(rgb: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Colours that vary within areas, along strokes of one direction, and shading from a side."""
    tall, wide = rgb.shape[:2]
    noise = rng.standard_normal((tall, wide)).astype(np.float32)
    angle, length = float(rng.uniform(0, np.pi)), int(rng.integers(5, 15))
    kernel = cv2.warpAffine(
        np.eye(1, length, length // 2, dtype=np.float32).repeat(length, 0) / length,
        cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), np.degrees(angle), 1.0),
        (length, length),
    )
    strokes = cv2.filter2D(noise, -1, kernel)
    coarse = cv2.resize(
        rng.standard_normal((6, 6, 3)).astype(np.float32), (wide, tall), interpolation=cv2.INTER_CUBIC
    )
    strokes = strokes / (strokes.std() + 1e-6)
    shade = 0.02 + 0.08 * strength
    return np.clip(rgb * (1 + shade * strokes[..., None]) + shade * coarse, 0, 1).astype(np.float32)


_LOOKS = {"as drawn": as_drawn, "lines": lines, "tones": tones, "painted": painted}


def paper_grain(shape: tuple[int, int], look: Look, rng: np.random.Generator) -> np.ndarray | None:
    """[H, W] offsets of 255, the same in every frame; None for smooth paper."""
    if not look.paper:
        return None
    grain = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), 0.6)
    return grain / (grain.std() + 1e-6) * look.paper * 0.5
