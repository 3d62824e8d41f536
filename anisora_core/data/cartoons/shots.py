"""A shot: everything about a clip that its seed decides, before any pixel.

Looks, layout, action and timing come from generators of their own, so another action of the same seed starts from the
same picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .backgrounds import PLACES, painted_places
from .figures import CLOTHES, HAIR, OBJECTS, Figure, make_character, make_object
from .motion import CHARACTER_ACTIONS, FREE_WORDS, OBJECT_ACTIONS, STILL, Action, free_motion
from .styles import LINES, PALETTES, Line, Palette

Split = Literal["train", "heldout"]
_SPLITS: tuple[Split, ...] = ("train", "heldout")
_CAMERAS = {
    "still": "",
    "pan left": "camera pans left",
    "pan right": "camera pans right",
    "zoom in": "camera zooms in",
    "zoom out": "camera zooms out",
}

#: (action, direction) classes of the text test: all start from one rest pose; cameras move a standing figure's world.
TEXT_ACTIONS: tuple[tuple[str, str], ...] = (
    ("walk", "left"),
    ("walk", "right"),
    ("jump", "up"),
    ("wave", ""),
    ("raise", "up"),
    ("crouch", "down"),
    ("pan", "left"),
    ("zoom", "in"),
)


@dataclass(frozen=True)
class Actor:
    """A figure (or a sprite's number) at x, y (feet, fractions of width and height), `scale` of the height."""

    figure: Figure | None
    sprite: int
    mirrored: bool
    x: float
    y: float
    scale: float
    action: Action
    amplitude: float
    name: str


@dataclass(frozen=True)
class Shot:
    seed: int
    split: Split
    palette: Palette
    line: Line
    style: str
    actors: tuple[Actor, ...]
    camera: str
    camera_amount: float
    on_twos: bool
    start: float  # of the action, 0 at rest
    background_seed: int
    plain: bool


def make_shot(
    seed: int,
    *,
    split: Split = "train",
    action: str | None = None,
    direction: str | None = None,
    amplitude: float | None = None,
    camera: str | None = None,
    kind: str | None = None,
    start_at_rest: bool | None = None,
) -> Shot:
    """Deterministic in its arguments. `kind`: character, object or puppet. Actions `pan` and `zoom` move the camera.

    Raises ValueError for what the split does not have.
    """
    if split not in _SPLITS:
        raise ValueError(f"unknown split {split!r}; use train or heldout")
    looks, layout, acting, timing = (np.random.default_rng((seed, split == "heldout", n)) for n in range(4))
    line_name, palette_name = (str(looks.choice(list(table[split]))) for table in (LINES, PALETTES))
    palette, line = PALETTES[split][palette_name], LINES[split][line_name]
    # Captions name colours, so figures keep them under a tinted light.
    figure_palette = replace(palette, tint=(palette.tint[0], 0.25 * palette.tint[1]))
    drawn_kind = str(looks.choice(["character", "object", "puppet"], p=[0.62, 0.26, 0.12]))
    kind = kind or drawn_kind
    if split == "heldout" and kind == "puppet":
        kind = "character"
    if action in ("pan", "zoom"):
        camera, action, direction = f"{action} {direction}", "stand", None
    if kind == "object" and action in {a.name for a in CHARACTER_ACTIONS}:
        kind = "character"
    hero = make_actor(kind, looks, layout, acting, figure_palette, split, (action, direction, amplitude))
    extras = [
        bystander(looks, layout, figure_palette)
        for _ in range(int(layout.choice([0, 1, 2], p=[0.6, 0.3, 0.1])))
    ]
    drawn_camera = str(acting.choice(list(_CAMERAS), p=[0.76, 0.07, 0.07, 0.06, 0.04]))
    camera = camera or ("still" if action is not None else drawn_camera)
    if camera not in _CAMERAS:
        raise ValueError(f"unknown camera {camera!r}; use one of {', '.join(_CAMERAS)}")
    at_rest = bool(timing.random() < 0.6) if start_at_rest is None else start_at_rest
    late = float(timing.uniform(0.1, 0.5))
    return Shot(
        seed=seed,
        split=split,
        palette=palette,
        line=line,
        style=f"{line_name}/{palette_name}",
        actors=(*extras, hero),
        camera=camera,
        camera_amount=0.25 + 0.75 * hero.amplitude,
        on_twos=bool(timing.random() < 0.3),
        start=0.0 if at_rest else late,
        background_seed=int(layout.integers(1 << 31)),
        plain=bool(layout.random() < 0.15),
    )


def make_actor(
    kind: str,
    looks: np.random.Generator,
    layout: np.random.Generator,
    acting: np.random.Generator,
    palette: Palette,
    split: Split,
    wanted: tuple[str | None, str | None, float | None],
) -> Actor:
    framing = str(layout.choice(["full", "half", "close"], p=[0.6, 0.28, 0.12]))
    x, jitter = float(layout.uniform(0.36, 0.64)), float(layout.uniform(-0.04, 0.04))
    chosen = choose_action(
        OBJECT_ACTIONS if kind == "object" else CHARACTER_ACTIONS, split, wanted[:2], acting
    )
    amplitude = float(acting.random()) if wanted[2] is None else wanted[2]
    sprite, mirrored = int(looks.integers(1 << 16)), bool(looks.random() < 0.5)
    if kind == "object":
        figure, scale, y = make_object(looks, palette), float(layout.uniform(0.22, 0.5)), 0.72 + jitter
        if chosen.name == "fall":
            y = 0.45
    else:
        figure = make_character(looks, palette) if kind == "character" else None
        scale = {"full": 0.78, "half": 1.25, "close": 1.9}[framing] * float(layout.uniform(0.9, 1.1))
        y = {"full": 0.92, "half": 1.32, "close": 1.85}[framing] + jitter
    name = figure.name if figure else "girl with orange hair in blue"
    return Actor(figure, sprite, mirrored, x, y, scale, chosen, amplitude, name)


def choose_action(
    actions: tuple[Action, ...],
    split: Split,
    wanted: tuple[str | None, str | None],
    acting: np.random.Generator,
) -> Action:
    """The wanted one, else one of the split's: half are named, half free in `train`; half its own in `heldout`."""
    drawn, coin = float(acting.random()), float(acting.random())
    name, direction = wanted
    if name is not None:
        found = [
            a for a in (*actions, STILL) if a.name == name and (direction is None or a.direction == direction)
        ]
        if not found or (split == "train" and found[0].heldout):
            known = sorted({a.name for a in actions})
            raise ValueError(
                f"action {name!r} {direction or ''} is not in {split}; use one of {', '.join(known)}"
            )
        return found[0]
    if split == "train" and coin < 0.5:
        return free_motion(acting)
    own = split == "heldout" and coin < 0.5
    pool = [a for a in actions if a.heldout == own]
    return pool[int(drawn * len(pool))]


def bystander(looks: np.random.Generator, layout: np.random.Generator, palette: Palette) -> Actor:
    """Something that stands still at the side."""
    figure = make_object(looks, palette)
    x = float(layout.choice([layout.uniform(0.04, 0.22), layout.uniform(0.78, 0.96)]))
    return Actor(
        figure,
        0,
        False,
        x,
        float(layout.uniform(0.75, 0.92)),
        float(layout.uniform(0.14, 0.3)),
        STILL,
        0.0,
        figure.name,
    )


def caption_of(shot: Shot, background: str) -> str:
    """Plain English, at most 110 bytes: who does what, where, and what the camera does."""
    hero = shot.actors[-1]
    words = hero.action.words[shot.seed % len(hero.action.words)]
    place = "" if background == "plain" else f", {background}"
    camera = _CAMERAS[shot.camera]
    return f"{hero.name} {words}{place}.{' ' + camera + '.' if camera else ''}"[:110]


def caption_words() -> tuple[str, ...]:
    """All that captions are made of, in alphabetical order."""
    actions = (action.words for action in (*CHARACTER_ACTIONS, *OBJECT_ACTIONS, STILL))
    tables = (*actions, FREE_WORDS, HAIR, CLOTHES, OBJECTS, PLACES, painted_places(), _CAMERAS.values())
    texts = [text for table in tables for text in table]
    return tuple(sorted({word for text in ("girl boy with hair in", *texts) for word in text.split()}))
