"""Whether motion stays inside the painted area, by each method of telling the model of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...domain.conditions import MotionArea, MotionMethod
from ...domain.release import Release
from ...generation.components import Components
from ...lora.apply import LoraUse
from ..metrics.fidelity import SquaredError, squared_error
from ..metrics.mask_precision import area_around, precision, recall
from ..metrics.motion_amount import moving_pixels
from ..reference_clips import MovingClip, generate, reconstruct, request_like

#: What is compared; `without`: from the same first frame, without an area.
METHODS: tuple[MotionMethod, ...] = ("condition", "hold")
WITHOUT = "without"


@dataclass(frozen=True)
class AreaFigures:
    """`static`: error outside the area against the first frame, which should stay there."""

    precision: float
    recall: float
    static: SquaredError


@dataclass(frozen=True)
class AreaComparison:
    """By method. `truth_precision` and `vae_precision` are of the true clip and of its reconstruction: what a perfect model
    gets, so a metric that fails shows; `vae_static` likewise."""

    vae_static: SquaredError
    truth_precision: float
    vae_precision: float
    methods: Mapping[str, AreaFigures]


def mask_of(area_HW: np.ndarray, method: MotionMethod, feather: float = 0.0) -> MotionArea:
    return MotionArea(torch.from_numpy(area_HW)[None].float(), method, feather)


def compare_methods(components: Components, release: Release, clip: MovingClip) -> AreaComparison:
    """The area is around all that truly moves; every clip is made from the first frame."""
    truth, area = clip.frames_FHWC, area_around(clip.moving_FHW)
    true_motion = moving_pixels(truth)
    rebuilt = reconstruct(components.vae, truth)
    outside = np.broadcast_to(~area, clip.moving_FHW.shape)
    first = np.broadcast_to(truth[:1], truth.shape)
    request = request_like(release, clip, [0])
    requests = {method: replace(request, motion_area=mask_of(area, method)) for method in METHODS}
    methods: dict[str, AreaFigures] = {}
    for method, wanted in {**requests, WITHOUT: request}.items():
        made = generate(components, release, wanted)
        moving = moving_pixels(made)
        methods[method] = AreaFigures(
            precision(moving, area), recall(moving, true_motion, area), squared_error(made, first, outside)
        )
    return AreaComparison(
        vae_static=squared_error(rebuilt, first, outside),
        truth_precision=precision(true_motion, area),
        vae_precision=precision(moving_pixels(rebuilt), area),
        methods=methods,
    )


@dataclass(frozen=True)
class PooledAreaFigures:
    """Precision over the moving pixels of all clips, recall averaged over clips; and the clips that were made."""

    precision: float
    recall: float
    made: Sequence[np.ndarray]


def measure_method(
    components: Components,
    release: Release,
    clips: Sequence[MovingClip],
    method: MotionMethod | None,
    loras: tuple[LoraUse, ...] = (),
) -> PooledAreaFigures:
    """One method over several clips, each from its first frame; None: without an area."""
    inside = total = 0
    recalls: list[float] = []
    made: list[np.ndarray] = []
    for clip in clips:
        area = area_around(clip.moving_FHW)
        motion_area = None if method is None else mask_of(area, method)
        request = replace(request_like(release, clip, [0]), motion_area=motion_area, loras=loras)
        frames = generate(components, release, request)
        moves = moving_pixels(frames)
        inside, total = inside + int(moves[:, area].sum()), total + int(moves.sum())
        recalls.append(recall(moves, moving_pixels(clip.frames_FHWC), area))
        made.append(frames)
    return PooledAreaFigures(inside / max(1, total), float(np.mean(recalls)), made)
