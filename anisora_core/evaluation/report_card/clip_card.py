"""The report card of one clip that is in memory, and of others beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...media.resize import resized_pixels
from .card import MeasuredRun, ReportCard, measure_subject
from .card_picture import picture_of
from .measures import MEASURES
from .subject import Subject, comparable


@dataclass(frozen=True)
class ClipFacts:
    """What is known of the clips, all uint8: the true clip FHWC, the drawing HWC that they begin with, and what may move, HW, white."""

    fps: float
    reference_FHWC: np.ndarray | None = None
    drawing_HWC: np.ndarray | None = None
    motion_HW: np.ndarray | None = None
    prompt: str = ""


def clip_card(clips: Mapping[str, np.ndarray], facts: ClipFacts) -> tuple[ReportCard, np.ndarray]:
    """`clips`: uint8 frames_FHWC by name. The card and its picture; ValueError, naming the clip, for one that cannot be measured."""
    runs = [
        MeasuredRun(name, (measure_subject(_subject(name, frames, facts), MEASURES),))
        for name, frames in clips.items()
    ]
    not_measured = {name: reason for name, measure in MEASURES.items() if (reason := measure.missing())}
    card = ReportCard(tuple(runs), MEASURES, not_measured)
    true = {} if facts.reference_FHWC is None else {"reference": facts.reference_FHWC}
    return card, picture_of(card, list((true | dict(clips)).items()))


def _subject(name: str, frames: np.ndarray, facts: ClipFacts) -> Subject:
    if len(frames) < 2 or min(frames.shape[1:3]) < 32:
        raise ValueError(
            f"{name}: {len(frames)} frames of {frames.shape[2]}x{frames.shape[1]} came in; at least 2 frames of 32x32 are needed"
        )
    truth, notes = None, list[str]()
    if facts.reference_FHWC is not None:
        frames, truth, notes = comparable(frames, facts.reference_FHWC)
        if len(frames) < 2:
            raise ValueError(
                "reference: one frame came in; connect the true clip, or a single drawing to drawing"
            )
    size = frames.shape[1:3]
    keyframes = {} if facts.drawing_HWC is None else {0: resized_pixels(facts.drawing_HWC, size)}
    area = None if facts.motion_HW is None else resized_pixels(facts.motion_HW, size) > 127
    return Subject("clip", frames, facts.fps, truth, keyframes, area, facts.prompt, tuple(notes))
