"""Actions as pose channels over time: u runs 0..1 over the clip, every channel is 0 at rest (u = 0)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pose:
    """What an actor does now. Offsets are fractions of the picture's height, angles radians, the rest 0..1 or -1..1."""

    dx: float = 0.0
    dy: float = 0.0
    angle: float = 0.0
    grow: float = 0.0
    squash: float = 0.0
    lean: float = 0.0
    arm_left: float = 0.0
    arm_right: float = 0.0
    stride: float = 0.0
    turn: float = 0.0
    nod: float = 0.0
    blink: float = 0.0
    mouth: float = 0.0
    sway: float = 0.0


def ease(u: float) -> float:
    """Slow in, slow out."""
    u = min(1.0, max(0.0, u))
    return u * u * (3.0 - 2.0 * u)


def wave_of(u: float, cycles: float) -> float:
    return float(np.sin(2.0 * np.pi * cycles * u))


def hops(u: float, count: int) -> float:
    """Parabolic arcs, 0 at take-off and landing, 1 at the top."""
    phase = (u * count) % 1.0
    return 4.0 * phase * (1.0 - phase)


def blinking(u: float) -> float:
    return float(any(abs(u - at) < 0.045 for at in (0.3, 0.72)))


def walk(side: float) -> Callable[[float, float], Pose]:
    def pose(u: float, amount: float) -> Pose:
        steps = 2.0 + 2.0 * amount
        bob = abs(wave_of(u, steps)) * 0.02 * (0.3 + amount)
        swing = wave_of(u, steps) * (0.25 + 0.45 * amount)
        return Pose(
            dx=side * ease(u) * (0.05 + 0.40 * amount), dy=-bob, stride=swing, turn=side * ease(4 * u) * 0.8,
            arm_left=swing * 0.6, arm_right=-swing * 0.6, sway=-side * 0.25 * amount * ease(3 * u),
        )  # fmt: skip

    return pose


def slide(dx: float, dy: float, *, roll: float = 0.0) -> Callable[[float, float], Pose]:
    def pose(u: float, amount: float) -> Pose:
        far = ease(u) * (0.06 + 0.42 * amount)
        return Pose(dx=dx * far, dy=dy * far, angle=roll * far * 5.0)

    return pose


def jump(u: float, amount: float) -> Pose:
    crouch = ease(u * 6.0) if u < 0.167 else max(0.0, 1.0 - (u - 0.167) * 8.0)
    air = hops(max(0.0, u - 0.2) / 0.8, 1 + int(amount < 0.5)) if u > 0.2 else 0.0
    arms = -1.6 * ease(3.0 * air) * (0.4 + amount)
    return Pose(
        dy=-air * (0.05 + 0.27 * amount),
        squash=0.25 * crouch - 0.12 * air,
        arm_left=arms,
        arm_right=-arms,
        sway=0.3 * air,
    )


def wave(u: float, amount: float) -> Pose:
    up = ease(5.0 * u)
    return Pose(
        arm_right=up * (-2.3 + wave_of(u, 3.0) * (0.12 + 0.5 * amount)),
        lean=0.05 * up,
        blink=blinking(u),
        mouth=0.4 * up,
    )


def raise_arms(u: float, amount: float) -> Pose:
    up = ease(u) * (0.5 + 2.0 * amount)
    return Pose(arm_left=up, arm_right=-up, mouth=0.6 * ease(u))


def turn_head(side: float) -> Callable[[float, float], Pose]:
    def pose(u: float, amount: float) -> Pose:
        return Pose(turn=side * ease(u) * (0.25 + 0.75 * amount), sway=-side * 0.2 * ease(u) * amount)

    return pose


def lean_over(side: float) -> Callable[[float, float], Pose]:
    def pose(u: float, amount: float) -> Pose:
        return Pose(lean=side * ease(u) * (0.08 + 0.4 * amount), sway=side * 0.3 * ease(u) * amount)

    return pose


def crouch(u: float, amount: float) -> Pose:
    down = ease(1.3 * u) * (0.12 + 0.48 * amount)
    return Pose(squash=down, arm_left=0.5 * down, arm_right=-0.5 * down)


def talk(u: float, amount: float) -> Pose:
    return Pose(
        mouth=abs(wave_of(u, 3.0 + 3.0 * amount)), nod=0.3 * amount * wave_of(u, 2.0), blink=blinking(u)
    )


def breathe(u: float, amount: float) -> Pose:
    return Pose(
        sway=wave_of(u, 1.5) * (0.1 + 0.5 * amount),
        blink=blinking(u),
        dy=0.006 * amount * (1 - np.cos(2 * np.pi * u)),
    )


def nod(u: float, amount: float) -> Pose:
    return Pose(nod=(0.3 + 0.9 * amount) * (1.0 - np.cos(4.0 * np.pi * u)) / 2.0)


def bow(u: float, amount: float) -> Pose:
    down = ease(u) * (0.2 + 0.8 * amount)
    return Pose(nod=1.4 * down, squash=0.2 * down, dy=0.02 * down, arm_left=0.4 * down, arm_right=-0.4 * down)


def bounce(u: float, amount: float) -> Pose:
    air = hops(u, 3)
    return Pose(
        dy=-air * (0.06 + 0.34 * amount), squash=0.3 * max(0.0, 1.0 - 6.0 * air) * float(u > 0.02), dx=0.0
    )


def spin(u: float, amount: float) -> Pose:
    return Pose(angle=ease(u) * (0.4 + 2.6 * amount))


def grow(u: float, amount: float) -> Pose:
    return Pose(grow=ease(u) * (0.1 + 0.7 * amount))


def float_up(u: float, amount: float) -> Pose:
    return Pose(dy=-ease(u) * (0.06 + 0.42 * amount), dx=0.02 * wave_of(u, 1.0), sway=0.3 * wave_of(u, 1.0))


@dataclass(frozen=True)
class Action:
    """`words` are synonyms for the caption. `determined`: the ends of the clip say what happens between them."""

    name: str
    direction: str
    words: tuple[str, ...]
    pose: Callable[[float, float], Pose]
    determined: bool
    heldout: bool = False


CHARACTER_ACTIONS: tuple[Action, ...] = (
    Action("walk", "left", ("walks to the left", "walks left"), walk(-1.0), determined=False),
    Action("walk", "right", ("walks to the right", "walks right"), walk(1.0), determined=False),
    Action("jump", "up", ("jumps up", "jumps"), jump, determined=False),
    Action("wave", "", ("waves a hand", "waves"), wave, determined=False),
    Action("raise", "up", ("raises both arms",), raise_arms, determined=True),
    Action("turn", "left", ("turns the head to the left",), turn_head(-1.0), determined=True),
    Action("turn", "right", ("turns the head to the right",), turn_head(1.0), determined=True),
    Action("lean", "left", ("leans to the left",), lean_over(-1.0), determined=True),
    Action("lean", "right", ("leans to the right",), lean_over(1.0), determined=True),
    Action("crouch", "down", ("crouches down", "ducks down"), crouch, determined=True),
    Action("slide", "left", ("glides to the left",), slide(-1.0, 0.0), determined=True),
    Action("slide", "right", ("glides to the right",), slide(1.0, 0.0), determined=True),
    Action("talk", "", ("talks",), talk, determined=False),
    Action("stand", "", ("stands in the wind",), breathe, determined=False),
    Action("nod", "", ("nods",), nod, determined=False, heldout=True),
    Action("bow", "down", ("bows",), bow, determined=True, heldout=True),
)
OBJECT_ACTIONS: tuple[Action, ...] = (
    Action("roll", "left", ("rolls to the left",), slide(-1.0, 0.0, roll=-1.0), determined=True),
    Action("roll", "right", ("rolls to the right",), slide(1.0, 0.0, roll=1.0), determined=True),
    Action("move", "left", ("moves to the left",), slide(-1.0, 0.0), determined=True),
    Action("move", "right", ("moves to the right",), slide(1.0, 0.0), determined=True),
    Action("fall", "down", ("falls down",), slide(0.1, 1.0, roll=0.3), determined=True),
    Action("float", "up", ("floats up",), float_up, determined=True),
    Action("bounce", "up", ("bounces",), bounce, determined=False),
    Action("grow", "", ("grows bigger",), grow, determined=True),
    Action("spin", "", ("spins around",), spin, determined=True, heldout=True),
)
STILL = Action("stand", "", ("stands still",), lambda u, amount: Pose(), determined=True)


#: Reach of each channel in a free motion. Heads do not nod and nothing only spins: those actions are held out.
_FREE_REACH = {
    "dx": 0.35, "dy": 0.3, "angle": 1.4, "grow": 0.6, "squash": 0.5, "lean": 0.5, "arm_left": 2.2,
    "arm_right": 2.2, "stride": 0.7, "turn": 1.0, "mouth": 0.8, "sway": 0.6,
}  # fmt: skip
FREE_WORDS = (
    "moves", "stirs", "drifts", "tilts", "twists", "tumbles", "wobbles", "stretches", "shrinks", "swings", "dances",
    "staggers", "poses", "slips", "hovers", "shifts", "plays", "reaches out", "wriggles", "swerves",
)  # fmt: skip


def free_motion(rng: np.random.Generator) -> Action:
    """From rest to a random pose: two to six channels at once, under a verb that does not say which.

    A model that knows only named actions takes an unknown word for one of them, whatever the keyframes show.
    """
    names = rng.choice(list(_FREE_REACH), size=int(rng.integers(2, 6)), replace=False)
    if not {"dx", "dy", "grow"} & set(names):
        names = [*names, "dx"]  # objects have no arms: all that is left may be a turn in place
    goal = {str(name): float(rng.uniform(-1.0, 1.0)) * _FREE_REACH[str(name)] for name in names}
    goal |= {name: abs(goal[name]) for name in ("squash", "mouth") if name in goal}

    def pose(u: float, amount: float) -> Pose:
        return Pose(**{name: value * ease(u) * (0.15 + 0.85 * amount) for name, value in goal.items()})

    return Action("free", "", (str(rng.choice(FREE_WORDS)),), pose, determined=True)
