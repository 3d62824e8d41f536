"""Prompt text as each release was trained to read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_MOTION_SCORE = re.compile(r"\s*motion score:\s*[\d.]+\.?(?=\s|$)", re.IGNORECASE)


def compose_prompt(text: str, tail: str, motion_score: float) -> str:
    """Text plus the release's tail; `{motion:.1f}` in the tail takes the score. A score already written is replaced.

    A tail sentence that the text already ends with is not added twice.
    """
    body = _MOTION_SCORE.sub("", text).strip()
    filled = tail.format(motion=motion_score)
    if filled and body.endswith(filled):
        return body
    return f"{_ended(body)} {filled}".strip()


class Segment(NamedTuple):
    """Text for the frames start..end - 1 of a clip."""

    start: int
    end: int
    text: str


def compose_segments(segments: Sequence[Segment], fps: float) -> str:
    """One text for the whole clip: that of a single segment as it is, of several with the seconds each is for."""
    written = sorted(
        (segment._replace(text=segment.text.strip()) for segment in segments if segment.text.strip()),
        key=lambda segment: (segment.start, segment.end),
    )
    if len(written) == 1:
        return written[0].text
    return " ".join(
        f"From {segment.start / fps:.1f} s to {segment.end / fps:.1f} s: {_ended(segment.text)}"
        for segment in written
    )


def _ended(text: str) -> str:
    return text if not text or text[-1] in ".!?。！？" else text + "."
