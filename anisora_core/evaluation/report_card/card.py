"""Clips of one or several runs measured, summed up and made JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..report import machine
from .bootstrap import Estimate, difference, estimate
from .frame_sheet import FrameSheet, frame_sheet
from .measures import MEASURES, Measure, Reading, lacks
from .subject import References, Subject, read_subject
from .with_weights import (
    NO_WEIGHTS,
    SET_MEASURES,
    UserWeights,
    distance_and_remark,
    lpips_measure,
    missing_of_all,
)

#: Measures of likeness to a true clip, which are also given with failures counted as the held first frame.
LIKENESS = ("psnr", "ssim", "l1")
#: Called before each clip: what is measured, how many are done, how many there are.
Progress = Callable[[str, int, int], None]


def no_progress(_what: str, _done: int, _all: int) -> None:
    pass


@dataclass(frozen=True)
class MeasuredSubject:
    """One clip of a run. `problem`: why it could not be measured, "" for those that were; `sheets`: its frames, and the true ones, for the page."""

    name: str
    problem: str = ""
    readings: Mapping[str, Reading] = field(default_factory=dict[str, Reading])
    num_frames: int = 0
    fps: float = 0.0
    size: tuple[int, int] = (0, 0)
    prompt: str = ""
    notes: tuple[str, ...] = ()
    sheets: Mapping[str, FrameSheet] = field(default_factory=dict[str, FrameSheet])
    #: By set measure, of the clip and of the true one: [samples, D].
    features: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict[str, tuple[np.ndarray, np.ndarray]]
    )


@dataclass(frozen=True)
class MeasuredRun:
    """The clips of one folder. `held`: the likeness measures with each failed clip scored as its true first frame, held."""

    name: str
    clips: tuple[MeasuredSubject, ...]
    held: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    #: Measures of all clips together, such as a Frechet distance, and remarks on them.
    of_all: Mapping[str, float] = field(default_factory=dict[str, float])
    remarks: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def valid_sample_ratio(self) -> float:
        """Share of the clips that were asked for and could be measured (MagicAnime, section IV-C: VSR)."""
        return sum(not clip.problem for clip in self.clips) / max(1, len(self.clips))

    def values(self, measure: str) -> np.ndarray:
        """float64 [clips]; NaN where it was not measured."""
        readings = [clip.readings.get(measure) for clip in self.clips]
        return np.array([math.nan if reading is None else reading.value for reading in readings])

    def summary(self, measure: str) -> Estimate | None:
        return estimate(self.values(measure))


@dataclass(frozen=True)
class ReportCard:
    """Runs over the same clips. `not_measured`: reasons by measure."""

    runs: tuple[MeasuredRun, ...]
    measures: Mapping[str, Measure]
    not_measured: Mapping[str, str]

    @property
    def measured(self) -> list[str]:
        """Names of the measures of which some run has a value."""
        return [name for name in self.measures if any(run.summary(name) for run in self.runs)]

    def as_json(self) -> dict[str, Any]:
        """For json.dumps; values that are not finite are None."""
        return {
            "version": 1,
            "machine": machine(),
            "measures": {
                name: {"title": m.title, "unit": m.unit, "better": m.better, "definition": m.definition}
                for name, m in self.measures.items()
            },
            "not_measured": dict(self.not_measured),
            "runs": [_run_json(run, self.measured) for run in self.runs],
            "differences": {
                run.name: {
                    name: _estimate_json(difference(run.values(name), self.runs[0].values(name)))
                    for name in self.measured
                }
                for run in self.runs[1:]
            },
        }


def make_card(
    runs: Mapping[str, Mapping[str, Path]],
    references: References | None = None,
    prompts: Mapping[str, str] | None = None,
    *,
    measures: Mapping[str, Measure] | None = None,
    weights: UserWeights = NO_WEIGHTS,
    progress: Progress = no_progress,
) -> ReportCard:
    """Measures every clip of every run; `runs`: files by the names of run and clip. What cannot be read is named in the card, and the others are measured.

    ValueError when there is nothing to measure, or weights are not what their names say.
    """
    references, prompts = references or References(), prompts or {}
    measures = all_measures(weights) if measures is None else measures
    wanted = sorted({*references.names, *prompts, *(clip for found in runs.values() for clip in found)})
    if not wanted:
        raise ValueError("nothing to measure; give a folder of clips")
    missing = {name: reason for name, measure in measures.items() if (reason := measure.missing())}
    usable = {name: measure for name, measure in measures.items() if name not in missing}
    done, measured = 0, list[MeasuredRun]()
    for run, found in runs.items():
        clips: list[MeasuredSubject] = []
        for name in wanted:
            progress(f"{run}: {name}", done, len(runs) * len(wanted))
            clips.append(_measured(name, found.get(name), references, prompts.get(name, ""), usable, weights))
            done += 1
        held = _with_failures_held(clips, references, usable)
        measured.append(MeasuredRun(run, tuple(clips), held, *_of_all(clips)))
    progress("done", done, done)
    missing |= _never_measured(measured, usable) | missing_of_all(weights)
    for name in SET_MEASURES:
        if name not in missing and not any(SET_MEASURES[name].title in run.of_all for run in measured):
            missing[name] = "needs at least two clips with true ones (--reference)"
    return ReportCard(tuple(measured), measures, missing)


def all_measures(weights: UserWeights) -> dict[str, Measure]:
    """Those of one clip, in the order of tables."""
    likeness = {name: MEASURES[name] for name in LIKENESS}
    return likeness | {"lpips": lpips_measure(weights)} | MEASURES


def _of_all(clips: Sequence[MeasuredSubject]) -> tuple[dict[str, float], dict[str, str]]:
    """Values and remarks of the measures of all clips of a run together."""
    values, remarks = dict[str, float](), dict[str, str]()
    for name, measure in SET_MEASURES.items():
        pairs = [clip.features[name] for clip in clips if name in clip.features]
        made, true = ([pair[side] for pair in pairs] for side in (0, 1))
        if sum(map(len, made)) >= 2:
            value, remark = distance_and_remark(measure, np.concatenate(made), np.concatenate(true))
            values[measure.title], remarks[measure.title] = value, remark
    return values, remarks


def measure_subject(
    subject: Subject, measures: Mapping[str, Measure] = MEASURES, weights: UserWeights = NO_WEIGHTS
) -> MeasuredSubject:
    """All that this clip has what it takes for."""
    readings = {
        name: measure.measure(subject)
        for name, measure in measures.items()
        if not measure.missing() and not lacks(subject, measure.needs)
    }
    sheets = {"clip": frame_sheet(subject.frames_FHWC, subject.fps)}
    if subject.truth_FHWC is not None:
        sheets["reference"] = frame_sheet(subject.truth_FHWC, subject.fps)
    frames, height, width = subject.frames_FHWC.shape[:3]
    return MeasuredSubject(
        subject.name,
        readings=readings,
        num_frames=frames,
        fps=subject.fps,
        size=(height, width),
        prompt=subject.prompt,
        notes=subject.notes,
        sheets=sheets,
        features=dict(_features(subject, weights)),
    )


def _features(subject: Subject, weights: UserWeights) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    for name, measure in SET_MEASURES.items():
        if subject.truth_FHWC is not None and not weights.missing(measure.file):
            made, true = (measure.extract(weights, f) for f in (subject.frames_FHWC, subject.truth_FHWC))
            if made is not None and true is not None:
                yield name, (made, true)


def _measured(
    name: str,
    path: Path | None,
    references: References,
    prompt: str,
    measures: Mapping[str, Measure],
    weights: UserWeights,
) -> MeasuredSubject:
    if path is None:
        return MeasuredSubject(name, "there is no clip of this name", prompt=prompt)
    try:
        subject = read_subject(name, path, references, prompt)
    except (ValueError, OSError) as error:
        return MeasuredSubject(name, " ".join(str(error).split()), prompt=prompt)
    return measure_subject(subject, measures, weights)


def _with_failures_held(
    clips: Sequence[MeasuredSubject], references: References, measures: Mapping[str, Measure]
) -> dict[str, Estimate]:
    """Empty where no clip failed that has a true one."""
    failed = [clip for clip in clips if clip.problem and clip.name in references.truths]
    wanted = {name: measures[name] for name in LIKENESS if name in measures}
    if not failed:
        return {}
    values = {name: [c.readings[name].value for c in clips if name in c.readings] for name in wanted}
    for clip in failed:
        try:
            true = read_subject(clip.name, references.truths[clip.name], References())
        except (ValueError, OSError):
            continue
        still = np.repeat(true.frames_FHWC[:1], len(true.frames_FHWC), axis=0)
        subject = replace(true, frames_FHWC=still, truth_FHWC=true.frames_FHWC)
        for name, measure in wanted.items():
            values[name].append(measure.measure(subject).value)
    found = {name: estimate(np.array(of)) for name, of in values.items()}
    return {name: estimated for name, estimated in found.items() if estimated}


_LACKING = {
    "truth": "needs true clips (--reference)",
    "area": "needs motion areas (NAME.mask.png beside the references)",
    "truth and area": "needs true clips and motion areas (--reference)",
    "keyframes": "needs drawings (NAME.png beside the references)",
    "3 frames": "needs clips of three frames or more",
    "nothing": "gives no value for these clips",
}


def _never_measured(runs: Sequence[MeasuredRun], measures: Mapping[str, Measure]) -> dict[str, str]:
    empty = [name for name in measures if not any(np.isfinite(run.values(name)).any() for run in runs)]
    infinite = {name for name in empty if any(np.isinf(run.values(name)).any() for run in runs)}
    tried = {name for name in empty if any(name in clip.readings for run in runs for clip in run.clips)}
    return {
        name: "infinite: still clips with a jump" if name in infinite else _LACKING["nothing" if name in tried else measures[name].needs]
        for name in empty
    }  # fmt: skip


def _run_json(run: MeasuredRun, measured: Sequence[str]) -> dict[str, Any]:
    return {
        "name": run.name,
        "valid_sample_ratio": run.valid_sample_ratio,
        "summary": {name: _estimate_json(run.summary(name)) for name in measured},
        "failures_as_held_first_frame": {name: _estimate_json(of) for name, of in run.held.items()},
        "of_all": {name: finite(value) for name, value in run.of_all.items()},
        "remarks": dict(run.remarks),
        "clips": [_clip_json(clip) for clip in run.clips],
    }


def _clip_json(clip: MeasuredSubject) -> dict[str, Any]:
    if clip.problem:
        return {"name": clip.name, "problem": clip.problem}
    return {
        "name": clip.name,
        "frames": clip.num_frames,
        "fps": round(clip.fps, 3),
        "size": f"{clip.size[1]}x{clip.size[0]}",
        "prompt": clip.prompt,
        "notes": list(clip.notes),
        "values": {name: finite(reading.value) for name, reading in clip.readings.items()},
        "curves": {
            name: [finite(value) for value in reading.curve]
            for name, reading in clip.readings.items()
            if reading.curve is not None
        },
    }


def _estimate_json(found: Estimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "mean": finite(found.mean),
        "low": finite(found.low),
        "high": finite(found.high),
        "clips": found.count,
    }


def finite(value: float) -> float | None:
    """Six significant digits, which JSON can hold."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
