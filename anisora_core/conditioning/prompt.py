"""Prompt text as each release was trained to read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..domain.conditions import Segment
from ..domain.release import Release

_AESTHETIC, _MOTION, _CAMERA = "aesthetic score:", "motion score:", "camera motion:"
_MOTION_SCORE = re.compile(rf"({_MOTION} ?)\d+(?:\.\d+)?", re.IGNORECASE)
_CAMERA_CLAUSE = re.compile(_CAMERA, re.IGNORECASE)


def compose_prompt(text: str, release: Release, motion_score: float | None = None) -> str:
    """The text as the release's own program sends it (`PromptTail`), spaces included.

    `motion_score` None: that of the text, else the release's. A given one replaces that of the text where it stands.
    """
    tail, known = release.prompt_tail, text.lower()
    if motion_score is not None:
        text = _MOTION_SCORE.sub(rf"\g<1>{motion_score:.1f}", text)
    clause = _CAMERA_CLAUSE.search(text) if tail.camera_motion_last else None
    body = text if clause is None else text[: clause.start()]
    if not body.strip():
        body = ""
    elif tail.ends_sentence:
        body = as_sentence(body)
    parts = [body] if body else []
    parts += _missing(known, release, motion_score)
    if clause is not None:
        parts.append(f"{_CAMERA} {text[clause.end() :]}")
    return " ".join(parts)


def _missing(known: str, release: Release, motion_score: float | None) -> Iterator[str]:
    """The sentences of the release's tail that a text, in lower case, does not have."""
    tail = release.prompt_tail
    if tail.aesthetic_score is not None and _AESTHETIC not in known:
        yield f"{_AESTHETIC} {tail.aesthetic_score:.1f}."
    if _MOTION not in known and (tail.adds_motion_score or motion_score is not None):
        yield f"{_MOTION} {release.motion_score if motion_score is None else motion_score:.1f}."
    if tail.closing and (tail.repeats_closing or tail.closing.lower() not in known):
        yield tail.closing


def compose_segments(segments: Sequence[Segment], fps: float) -> str:
    """One text for the whole clip: that of a single segment as it is, of several with the seconds each is for."""
    written = sorted(
        (segment._replace(text=segment.text.strip()) for segment in segments if segment.text.strip()),
        key=lambda segment: (segment.start, segment.end),
    )
    if len(written) == 1:
        return written[0].text
    return " ".join(
        f"From {segment.start / fps:.1f} s to {segment.end / fps:.1f} s: {as_sentence(segment.text)}"
        for segment in written
    )


def as_sentence(text: str) -> str:
    """With a full stop, unless it ends a sentence already or is empty."""
    text = text.strip()
    return text if not text or text[-1] in ".!?。！？" else text + "."
