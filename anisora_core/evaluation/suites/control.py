"""What a model obeys, measured on cartoons it never saw: keyframes, motion area, motion score and text.

Nothing given is pasted back after decoding. `measure_clip` makes the clips of one index and `summarize` pools them, so that
a long run can be stopped, resumed and split over machines.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from ...domain.release import Release
from ...generation.components import Components
from ..metrics.baselines import BASELINES
from ..metrics.fidelity import SquaredError, pooled
from ..metrics.motion_amount import moving_pixels, speed
from ..reference_clips import generate, request_like
from ..report import spread
from .area_methods import METHODS, WITHOUT, AreaComparison, AreaFigures, compare_methods
from .between_keyframes import Errors, clip_gain, gain, inbetween_errors, pooled_psnr
from .held_out_cartoons import UNSEEN_ACTIONS, find_clip, held_out
from .text_control import CHANCE, ActionJudge, texts_obeyed

#: Motion scores asked for, from the same first frame.
SCORES = (0.5, 1.5, 2.5, 3.5, 5.0)


@dataclass(frozen=True)
class MotionScoreFigures:
    """Rank correlation of the scores asked for with the motion measured, and that motion."""

    spearman: float
    measured: Sequence[float]


@dataclass(frozen=True)
class ClipFigures:
    """Of one index. `free` is measured for every fourth one; `action` is the determined clip's."""

    determined: Errors
    action: str
    free: Errors | None
    areas: AreaComparison
    scores: MotionScoreFigures
    texts_right: Sequence[bool]
    seconds: float


def measure_clip(components: Components, release: Release, index: int, judge: ActionJudge) -> ClipFigures:
    since = time.monotonic()
    determined = find_clip(index, "determined")
    free = find_clip(index, "free") if index % 4 == 0 else None
    return ClipFigures(
        determined=inbetween_errors(components, release, determined),
        action=determined.action,
        free=inbetween_errors(components, release, free) if free else None,
        areas=compare_methods(components, release, find_clip(index, "area")),
        scores=measure_scores(components, release, index),
        texts_right=texts_obeyed(components, release, index, judge),
        seconds=time.monotonic() - since,
    )


def measure_scores(components: Components, release: Release, index: int) -> MotionScoreFigures:
    clip = held_out(
        index * 50,
        kind="character",
        action="walk" if index % 2 else "raise",
        camera="still",
        start_at_rest=True,
    )
    request = request_like(release, clip, [0])
    made = [generate(components, release, replace(request, motion_score=score)) for score in SCORES]
    measured = [float((speed(frames) * moving_pixels(frames)).mean()) for frames in made]
    correlation = np.asarray(spearmanr(SCORES, measured))[0]
    return MotionScoreFigures(float(correlation), measured)


def summarize(rows: Sequence[ClipFigures], release: Release) -> dict[str, float | dict[str, float] | int]:
    """The acceptance keys, as results/control.json has them; `*_spread` beside them are over clips."""
    figures = {**_inbetweening(rows), **_scores_and_texts(rows), **_areas(rows)}
    for key in ("mask_precision", "mask_recall", "static_gap_db"):
        figures[key] = figures[f"{key}_{release.motion_method}"]
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}


def _inbetweening(rows: Sequence[ClipFigures]) -> dict[str, Any]:
    determined = pooled_psnr([row.determined for row in rows])
    free = pooled_psnr([row.free for row in rows if row.free])
    seen = pooled_psnr([row.determined for row in rows if row.action not in UNSEEN_ACTIONS])
    unseen = pooled_psnr([row.determined for row in rows if row.action in UNSEEN_ACTIONS])
    return {
        "vae_psnr": determined["vae"],
        "keyframe_gap_db": determined["vae_keys"] - determined["keys"],
        "inbetween_gain_db": gain(determined),
        "inbetween_gain_free_db": gain(free),
        "inbetween_gain_seen_db": gain(seen),
        "inbetween_gain_unseen_db": gain(unseen),
        "inbetween_gain_db_spread": spread([clip_gain(row.determined) for row in rows]),
        "inbetween_psnr": {name: round(determined[name], 2) for name in ("two", "four", *BASELINES)},
        "four_vs_two_db": determined["four"] - determined["two"],
    }


def _scores_and_texts(rows: Sequence[ClipFigures]) -> dict[str, Any]:
    right = [each for row in rows for each in row.texts_right]
    spearman = [row.scores.spearman for row in rows]
    return {
        "motion_spearman": float(np.nanmean(spearman)),
        "motion_spearman_spread": spread(spearman),
        "text_obeyed": float(np.mean(right)),
        "text_chance": CHANCE,
        "text_n": len(right),
    }


def _areas(rows: Sequence[ClipFigures]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "mask_precision_of_truth": float(np.nanmean([row.areas.truth_precision for row in rows])),
        "mask_precision_of_vae": float(np.nanmean([row.areas.vae_precision for row in rows])),
    }
    vae_static = pooled(row.areas.vae_static for row in rows).psnr
    for method in (*METHODS, WITHOUT):
        found = [row.areas.methods[method] for row in rows]
        figures[f"mask_precision_{method}"] = float(np.nanmean([area.precision for area in found]))
        figures[f"mask_recall_{method}"] = float(np.mean([area.recall for area in found]))
        figures[f"static_gap_db_{method}"] = vae_static - pooled(area.static for area in found).psnr
        figures[f"mask_precision_{method}_spread"] = spread([area.precision for area in found])
    return figures


def as_json(row: ClipFigures) -> dict[str, Any]:
    """For a file that is read by `from_json` when the run goes on."""
    areas = row.areas
    return {
        "determined": _pairs(row.determined),
        "action": row.action,
        "free": _pairs(row.free) if row.free else None,
        "areas": {
            "vae_static": _pair(areas.vae_static),
            "truth_precision": areas.truth_precision,
            "vae_precision": areas.vae_precision,
            **{
                method: {"precision": one.precision, "recall": one.recall, "static": _pair(one.static)}
                for method, one in areas.methods.items()
            },
        },
        "scores": {"spearman": row.scores.spearman, "measured": list(row.scores.measured)},
        "texts": {"right": list(row.texts_right)},
        "seconds": row.seconds,
    }


def from_json(row: Mapping[str, Any]) -> ClipFigures:
    areas: Mapping[str, Any] = row["areas"]
    methods = {
        method: AreaFigures(
            areas[method]["precision"], areas[method]["recall"], SquaredError(*areas[method]["static"])
        )
        for method in (*METHODS, WITHOUT)
    }
    return ClipFigures(
        determined=_errors(row["determined"]),
        action=row["action"],
        free=_errors(row["free"]) if row["free"] else None,
        areas=AreaComparison(
            SquaredError(*areas["vae_static"]), areas["truth_precision"], areas["vae_precision"], methods
        ),
        scores=MotionScoreFigures(row["scores"]["spearman"], row["scores"]["measured"]),
        texts_right=row["texts"]["right"],
        seconds=row["seconds"],
    )


def _pair(error: SquaredError) -> list[float]:
    return [error.total, error.count]


def _pairs(errors: Errors) -> dict[str, list[float]]:
    return {name: _pair(error) for name, error in errors.items()}


def _errors(pairs: Mapping[str, Any]) -> Errors:
    return {name: SquaredError(*pair) for name, pair in pairs.items()}
