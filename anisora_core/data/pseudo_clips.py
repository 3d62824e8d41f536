"""Short clips made from one drawing by panning, zooming, parallax and swaying, so that training on drawings keeps motion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

#: How a clip may move, with probabilities.
MOVES = {"pan": 0.15, "zoom": 0.15, "parallax": 0.1, "sway": 0.6}
#: How far a part of the drawing sways, as a share of half its width: from hardly at all to hair in the wind.
SWAYED = (0.015, 0.15)
#: Seconds that a camera needs for its whole way; in shorter clips it goes less far.
WHOLE_WAY = 2.0
#: A frame shows `SHOWN` of the drawing's width and height; with less of it, the edges (often white paper) would never be learned.
#: A camera moves by up to `REACH` of half of them, and a narrow strip beyond the edge is filled by reflection.
SHOWN, REACH = 0.9, 0.2
#: Frames are drawn so many times larger and shrunk, so that lines stay as sharp as a still's.
_SUPERSAMPLE = 2
#: Side of the drawing that `pseudo_clip` takes, over the side of its frames.
ENLARGED = _SUPERSAMPLE / SHOWN


@dataclass(frozen=True)
class PseudoClip:
    """uint8 frames; `speed`: how far pixels go on average, in frame heights per frame; `words`: what the camera does, for the caption.

    Without these words a model would learn that the style always pans. Swaying is not mentioned: artists seldom write what moves,
    and a model trained with captions that always do moves at random without them.
    """

    frames_FHWC: np.ndarray
    speed: float
    move: str
    words: str


def pseudo_clip(
    picture_HWC: np.ndarray, num_frames: int, fps: float, height: int, width: int, rng: np.random.Generator
) -> PseudoClip:
    """A uint8 drawing of about (height, width) * ENLARGED, filmed by a random camera or swaying in place.

    No two frames are equal, so copying a keyframe is never the right answer.
    """
    move = str(rng.choice(list(MOVES), p=list(MOVES.values())))
    size = (height * _SUPERSAMPLE, width * _SUPERSAMPLE)
    y, x = torch.meshgrid(*((torch.arange(side) + 0.5) * 2 / side - 1 for side in size), indexing="ij")
    grid = torch.stack([x, y], dim=-1)
    times = torch.arange(num_frames) / max(1, num_frames - 1)
    seconds = num_frames / fps
    if move == "sway":
        seen, words = swaying(grid, times, seconds, rng), ""
    else:
        seen, words = filmed(grid, times, seconds, move, rng)
    picture = torch.from_numpy(np.ascontiguousarray(picture_HWC)).permute(2, 0, 1)[None].float()
    frames = [
        F.interpolate(
            F.grid_sample(picture, look, padding_mode="reflection", align_corners=False),
            (height, width),
            mode="bicubic",
            antialias=True,
        )
        for look in seen.split(1)
    ]
    speed = float((seen[1:] - seen[:-1]).norm(dim=-1).mean()) / (2.0 * SHOWN) if num_frames > 1 else 0.0
    return PseudoClip(
        torch.cat(frames).permute(0, 2, 3, 1).round().clamp(0, 255).byte().numpy(), speed, move, words
    )


def filmed(
    grid_HW2: Tensor, times_F: Tensor, seconds: float, move: str, rng: np.random.Generator
) -> tuple[Tensor, str]:
    """(where in the drawing, -1..1, each pixel of each frame comes from: [F, H, W, 2]; what the camera does)."""
    eased = times_F * times_F * (3.0 - 2.0 * times_F) if rng.random() < 0.5 else times_F
    onwards = 1.0 if rng.random() < 0.5 else -1.0
    course = onwards * (eased.view(-1, 1, 1, 1) * 2.0 - 1.0)  # -1..1
    reach = REACH * min(1.0, seconds / WHOLE_WAY) * float(rng.uniform(0.2, 1.0))
    if move == "zoom":
        return grid_HW2 * (SHOWN + reach * course), f"camera zooms {'out' if onwards > 0 else 'in'}"
    angle = float(rng.choice([0.0, 0.5 * math.pi])) if rng.random() < 0.7 else float(rng.uniform(0, math.pi))
    path = course * reach * torch.tensor([math.cos(angle), math.sin(angle)])
    across, down = onwards * math.cos(angle), onwards * math.sin(angle)
    side = ("right" if across > 0 else "left") if abs(across) >= abs(down) else ("down" if down > 0 else "up")
    if move == "parallax":
        path = path * nearness(grid_HW2, rng)[..., None]
    return grid_HW2 * SHOWN + path, f"camera pans {side}"


def nearness(grid_HW2: Tensor, rng: np.random.Generator) -> Tensor:
    """0..1 per pixel. A drawing has no depth, so what is low or in the middle counts as near."""
    low = (grid_HW2[..., 1] + 1.0) / 2.0
    return 0.25 + 0.75 * torch.maximum(low, blob(grid_HW2, rng, spread=0.3))


def swaying(grid_HW2: Tensor, times_F: Tensor, seconds: float, rng: np.random.Generator) -> Tensor:
    """[F, H, W, 2] as `filmed` has it: part of the drawing bends to and fro, like hair or cloth in the wind."""
    cycles, phase = seconds * float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.0, 2 * math.pi))
    amount = float(np.exp(rng.uniform(*np.log(SWAYED))))
    bend = float(rng.uniform(0.5, 2.5))
    wave = torch.sin(2 * math.pi * cycles * times_F.view(-1, 1, 1) + phase + bend * grid_HW2[..., 1])
    angle = float(rng.normal(0.0, 0.5))
    direction = torch.tensor([math.cos(angle), math.sin(angle)])
    bent = amount * wave * blob(grid_HW2, rng, spread=0.6)
    return grid_HW2 * SHOWN + bent[..., None] * direction


def blob(grid_HW2: Tensor, rng: np.random.Generator, *, spread: float) -> Tensor:
    """1 near a random place about the middle, falling off to 0."""
    centre = torch.from_numpy(rng.normal(0.0, 0.3, 2).astype(np.float32))
    return torch.exp(-(grid_HW2 - centre).square().sum(-1) / (2.0 * spread * spread))
