"""A scene into frames: each layer warped by the sum of its motions, composed, and made smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..motion_score import labelled_score
from .looks import paper_grain
from .motions import FIGURE_MOTIONS, FigureMotion, Shape, Term, grid, smooth_step
from .scenes import MARGIN, Scene, SceneLayer
from .weather import WEATHER, draw_weather
from .words import AMOUNT_WORDS, LOOK_WORDS, vocabulary

#: Scenes are composed at twice the clip's size: warping blurs by a fraction of a fine pixel only.
SUPERSAMPLE = 2
#: Parts of a motion that lag behind it, as hair follows a head: chance, and delay as a share of the clip.
LAG = (0.35, (0.04, 0.12))
#: Share of clips in which something falls or drifts in front.
WEATHER_SHARE = 0.12


@dataclass(frozen=True)
class DrawnClip:
    """frames_FHWC uint8 RGB, frame 0 the drawing; moving_FHW: pixels that differ between frame f and f + 1 (the last repeats).

    `motion_score`: `labelled_score`.
    `displacement_FHW2`: of what is seen at each pixel, from its place in the drawing, in pixels of the clip; without the weather's.
    """

    frames_FHWC: np.ndarray
    moving_FHW: np.ndarray
    displacement_FHW2: np.ndarray
    caption: str
    motion_score: float
    action: str
    camera: str


def animate(
    scene: Scene,
    rng: np.random.Generator,
    *,
    num_frames: int = 33,
    fps: float = 12.0,
    amount: float | None = None,
) -> DrawnClip:
    """Moves drawn from `rng`. `amount`: how far the figure's tip moves, pixels of a clip of 128 rows; random by default."""
    height, width = scene.height // SUPERSAMPLE, scene.width // SUPERSAMPLE
    pixels = float(np.exp(rng.uniform(np.log(0.8), np.log(9.0)))) if amount is None else amount
    reach = pixels * scene.height / 128
    time_F = times(rng, num_frames)
    camera, camera_terms = camera_move(rng, scene, time_F, reach)
    moved: list[list[Term]] = []
    actions: list[FigureMotion] = []
    for layer in scene.layers:
        terms = list(camera_terms[layer.role])
        if layer.role == "figure":
            motions, own = figure_terms(rng, layer, scene, reach, time_F)
            actions, terms = motions, [*own, *terms]
        moved.append(terms)
    face, pictures = face_action(rng, scene.layers[-1], num_frames)
    frames, displacement = compose(scene, moved, pictures)
    grain = paper_grain((height, width), scene.look, rng)
    small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]
    if grain is not None:
        small = [np.clip(frame + grain[..., None], 0, 255) for frame in small]
    clip = np.stack([np.rint(frame).astype(np.uint8) for frame in small])
    weather = str(rng.choice(list(WEATHER))) if num_frames > 1 and rng.random() < WEATHER_SHARE else ""
    if weather:
        clip = draw_weather(clip, weather, rng, np.arange(num_frames) / fps)
    action = actions[0] if actions else None
    words = FACE_WORDS[face] if face and rng.random() < 0.7 else action.words if action else ("stands still",)
    said = " ".join([one_of(rng, words), one_of(rng, amount_words(pixels))]).strip()
    return DrawnClip(
        clip,
        moving_pixels(clip),
        displacement,
        caption(rng, scene, said, camera, weather),
        score_of(displacement, height, fps),
        face or (action.name if action else "still"),
        camera,
    )


def one_of(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def amount_words(pixels: float) -> tuple[str, ...]:
    return next(words for most, words in AMOUNT_WORDS if pixels <= most)


def times(rng: np.random.Generator, num_frames: int) -> np.ndarray:
    """0..1 over 33 frames; drawn on ones, twos or threes."""
    hold = int(rng.choice([1, 2, 3], p=[0.7, 0.22, 0.08]))
    frames = np.arange(num_frames)
    return ((frames - frames % hold) / 32.0).astype(np.float32)


def figure_terms(
    rng: np.random.Generator, layer: SceneLayer, scene: Scene, reach: float, time_F: np.ndarray
) -> tuple[list[FigureMotion], list[Term]]:
    """One to three motions of a figure, some lagging behind; the first is the largest and names the clip."""
    shape = shape_of(layer, scene)
    chances = np.array([chance for chance, _ in FIGURE_MOTIONS])
    count = int(rng.choice([1, 2, 3], p=[0.35, 0.45, 0.2]))
    chosen = rng.choice(len(FIGURE_MOTIONS), size=count, replace=False, p=chances / chances.sum())
    motions = [FIGURE_MOTIONS[int(index)][1] for index in chosen]
    terms: list[Term] = []
    for rank, motion in enumerate(motions):
        delay = float(rng.uniform(*LAG[1])) if rank and rng.random() < LAG[0] else 0.0
        late = np.maximum(time_F - delay, time_F[0])
        terms += motion.terms(rng, shape, reach * (1.0 if rank == 0 else 0.45), late)
    return motions, terms


def shape_of(layer: SceneLayer, scene: Scene) -> Shape:
    tall, wide = layer.picture.shape[:2]
    shift = np.array([[1, 0, layer.left], [0, 1, layer.top]], np.float32)
    alpha = cv2.warpAffine(np.ascontiguousarray(layer.picture[..., 3]), shift, (scene.width, scene.height))
    return Shape(layer.left, layer.top, wide, tall, alpha.astype(np.float32) / 255)


def camera_move(
    rng: np.random.Generator, scene: Scene, time_F: np.ndarray, reach: float
) -> tuple[str, dict[str, list[Term]]]:
    """(its name, terms of each role). The background follows at a part of the speed, as far things do."""
    kind = str(
        rng.choice(["still", "pan left", "pan right", "zoom in", "zoom out"], p=[0.7, 0.08, 0.08, 0.08, 0.06])
    )
    if kind == "still":
        return kind, {"figure": [], "background": []}
    x, y = grid((scene.height, scene.width))
    far = float(rng.uniform(0.4, 0.9))
    eased = smooth_step(time_F)
    limit = 0.9 * (MARGIN - 1.0) / 2 * scene.width
    if kind.startswith("pan"):
        sign = 1.0 if kind == "pan right" else -1.0
        field = np.stack([np.ones_like(x), np.zeros_like(x)], axis=2) * sign * min(2.0 * reach, limit)
    else:
        share = min(0.2, 3.0 * reach / scene.height) * (-1.0 if kind == "zoom in" else 0.5)
        field = np.stack([x - scene.width / 2, y - scene.height / 2], axis=2) * share
    return kind, {"figure": [Term(field, eased)], "background": [Term(field * far, eased)]}


def face_action(rng: np.random.Generator, layer: SceneLayer, num_frames: int) -> tuple[str, list[np.ndarray]]:
    """(what the face does, the picture of each frame): a blink, talking, another face that stays, or nothing."""
    pictures = [layer.picture] * num_frames
    can = [name for name, has in (("blink", layer.closed is not None), ("talk", bool(layer.mouths))) if has]
    if not can or num_frames < 6 or rng.random() < 0.3:
        return "", pictures
    kind = str(rng.choice(can))
    if kind == "blink" and layer.closed is not None:
        for start in rng.integers(2, num_frames - 3, size=int(rng.integers(1, 4))):
            hold = int(rng.integers(2, 5))
            pictures[start : start + hold] = [layer.closed] * len(pictures[start : start + hold])
        return kind, pictures
    pace = int(rng.integers(2, 5))
    if rng.random() < 0.25:
        start = int(rng.integers(3, num_frames - 2))
        pictures[start:] = [layer.mouths[int(rng.integers(len(layer.mouths)))]] * (num_frames - start)
        return "change", pictures
    shown = (layer.picture, *layer.mouths)
    spoken = rng.integers(len(shown), size=num_frames // pace + 1)
    return kind, [shown[int(spoken[f // pace])] if f else layer.picture for f in range(num_frames)]


#: What faces do, in words for the caption.
FACE_WORDS = {
    "blink": ("blinks", "closes the eyes", "winks"),
    "talk": ("talks", "speaks", "sings", "laughs", "shouts"),
    "change": ("smiles", "changes the expression", "looks surprised"),
}


def compose(
    scene: Scene, moved: Sequence[list[Term]], front: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames [H, W, 3] float32 of 255 at the scene's size, and displacements [F, h, w, 2] of what is seen, in pixels of the clip.

    `front`: the last layer's picture in each frame.
    """
    x, y = grid((scene.height, scene.width))
    frames: list[np.ndarray] = []
    displacement: list[np.ndarray] = []
    for frame, shown in enumerate(front):
        image = np.zeros((scene.height, scene.width, 3), np.float32)
        seen = np.zeros((*x.shape, 2), np.float32)
        for layer, terms in zip(scene.layers, moved, strict=True):
            shift = sum(
                (term.field_HW2 * term.amount_F[frame] for term in terms), np.zeros((*x.shape, 2), np.float32)
            )
            picture = shown if layer is scene.layers[-1] else layer.picture
            border = cv2.BORDER_REPLICATE if layer.role == "background" else cv2.BORDER_CONSTANT
            map_x, map_y = x - layer.left + shift[..., 0], y - layer.top + shift[..., 1]
            warped = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=border).astype(np.float32)
            image = warped[..., :3] + image * (1 - warped[..., 3:] / 255)
            seen = np.where(warped[..., 3:] > 127, shift, seen)
        frames.append(image)
        displacement.append(seen[::SUPERSAMPLE, ::SUPERSAMPLE] / SUPERSAMPLE)
    return frames, np.stack(displacement).astype(np.float32)


def moving_pixels(frames_FHWC: np.ndarray) -> np.ndarray:
    """Exactly the pixels whose value changes."""
    changed = (frames_FHWC[1:] != frames_FHWC[:-1]).any(axis=3)
    return np.concatenate([changed, changed[-1:]]) if len(changed) else np.zeros(frames_FHWC.shape[:3], bool)


def score_of(displacement_FHW2: np.ndarray, height: int, fps: float) -> float:
    if len(displacement_FHW2) < 2:
        return 0.0
    moved = np.hypot(*np.moveaxis(np.diff(displacement_FHW2, axis=0), 3, 0)).mean()
    return labelled_score(float(moved * fps / height))


def caption(rng: np.random.Generator, scene: Scene, words: str, camera: str, weather: str) -> str:
    """How it is drawn, who does what, where, what falls, and what the camera does; at most 110 bytes."""
    parts = [f"{scene.layers[-1].name} {words}"]
    if rng.random() < 0.35:
        parts.insert(0, one_of(rng, LOOK_WORDS[scene.look.name]))
    if scene.is_close and rng.random() < 0.5:
        parts.insert(0, "close up")
    parts += [scene.place] if scene.place else []
    parts += [one_of(rng, WEATHER[weather].words)] if weather else []
    kind, _, way = camera.partition(" ")
    moves = f" camera {kind}s {way}." if way else ""
    return f"{', '.join(parts)}.{moves}"[:110]


def caption_words() -> frozenset[str]:
    """All that captions of drawings are made of."""
    motions = (motion.words for _, motion in FIGURE_MOTIONS)
    tables = (
        *motions,
        *FACE_WORDS.values(),
        *(weather.words for weather in WEATHER.values()),
        ("stands still",),
    )
    return vocabulary() | {word for table in tables for text in table for word in text.split()}
