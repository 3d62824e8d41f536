"""What falls or drifts in front of a scene: rain, snow, petals, leaves, sparks. Drawn on the finished frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..cartoons.drawing import paint

_SHIFT = 4  # sub-pixel bits OpenCV keeps


@dataclass(frozen=True)
class Weather:
    """`fall` and `drift`: heights per second; `size`: of a particle, as a share of the height; `sway` sideways, same unit."""

    words: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    fall: tuple[float, float]
    drift: float
    size: tuple[float, float]
    sway: float
    count: tuple[int, int]


WEATHER: dict[str, Weather] = {
    "rain": Weather(("rain", "it rains"), ((215, 225, 240), (150, 165, 190)), (1.6, 2.6), 0.2, (0.03, 0.06), 0.0, (25, 70)),
    "snow": Weather(("snow falls", "snow", "it snows"), ((255, 255, 255), (235, 242, 250)), (0.12, 0.35), 0.06, (0.006, 0.014), 0.03, (20, 60)),
    "petals": Weather(("petals fall", "cherry blossoms", "petals"), ((250, 190, 205), (245, 160, 185)), (0.15, 0.35), 0.15, (0.012, 0.024), 0.05, (8, 26)),
    "leaves": Weather(("leaves fall", "falling leaves"), ((190, 120, 40), (170, 80, 40), (120, 150, 60)), (0.2, 0.4), 0.15, (0.014, 0.028), 0.06, (6, 18)),
    "sparks": Weather(("sparkles", "glitter", "magic"), ((255, 250, 190), (255, 255, 255)), (-0.25, -0.05), 0.05, (0.006, 0.016), 0.03, (10, 30)),
}  # fmt: skip


def draw_weather(
    frames_FHWC: np.ndarray, kind: str, rng: np.random.Generator, seconds_F: np.ndarray
) -> np.ndarray:
    """uint8 frames with particles; half of the clips begin without any, as a drawing that weather comes to."""
    weather = WEATHER[kind]
    frames = frames_FHWC.copy()
    height, width = frames.shape[1:3]
    count = int(rng.integers(*weather.count))
    start = rng.uniform([-0.1, -0.1], [1.1, 1.1], (count, 2))
    speed = rng.uniform(*weather.fall, count)
    wind = weather.drift * float(rng.uniform(-1, 1))
    phases, sizes = rng.uniform(0, 2 * np.pi, count), rng.uniform(*weather.size, count) * height
    colours = [weather.colours[int(n)] for n in rng.integers(len(weather.colours), size=count)]
    comes = rng.random() < 0.5
    appears = rng.uniform(0.02, 0.5, count) * seconds_F[-1] if comes else np.full(count, -1.0)
    for frame, seconds in zip(frames, seconds_F, strict=True):
        x = start[:, 0] + wind * seconds + weather.sway * np.sin(phases + 3.0 * seconds)
        y = start[:, 1] + speed * seconds
        x, y = (x + 0.1) % 1.2 - 0.1, (y + 0.1) % 1.2 - 0.1
        for n in np.flatnonzero(seconds >= appears):
            spot = np.array([x[n] * width, y[n] * height])
            particle(
                frame,
                kind,
                spot,
                float(sizes[n]),
                (wind, float(speed[n])),
                float(phases[n] + 4 * seconds),
                colours[n],
            )
    return frames


def particle(
    frame: np.ndarray,
    kind: str,
    spot: np.ndarray,
    size: float,
    way: tuple[float, float],
    turn: float,
    colour: tuple[int, int, int],
) -> None:
    def fixed(points: np.ndarray) -> np.ndarray:
        return np.round(points * (1 << _SHIFT)).astype(np.int32)

    if kind == "rain":
        end = spot + size * np.array(way) / max(0.1, float(np.hypot(*way)))
        first, last = (tuple(int(v) for v in fixed(point)) for point in (spot, end))
        cv2.line(frame, first, last, colour, 1, cv2.LINE_AA, _SHIFT)
    elif kind in ("petals", "leaves"):
        along = np.array([np.cos(turn), np.sin(turn)]) * size
        across = np.array([-along[1], along[0]]) * 0.45 * abs(np.cos(0.7 * turn))
        leaf = np.stack([spot + along, spot + across, spot - along, spot - across])
        paint(frame, leaf, colour, None, 0.0)
    else:
        centre = tuple(int(v) for v in fixed(spot))
        radius = max(
            8, round(size * (1 << _SHIFT) * (1.0 if kind == "snow" else 0.6 + 0.4 * np.sin(2 * turn)))
        )
        cv2.circle(frame, centre, radius, colour, -1, cv2.LINE_AA, _SHIFT)
