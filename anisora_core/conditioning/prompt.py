"""Prompt text as each release was trained to read it."""

from __future__ import annotations

import re

_MOTION_SCORE = re.compile(r"\s*motion score:\s*[\d.]+\.?(?=\s|$)", re.IGNORECASE)


def compose_prompt(text: str, tail: str, motion_score: float) -> str:
    """Text plus the release's tail; `{motion:.1f}` in the tail takes the score. A score already written is replaced.

    A tail sentence that the text already ends with is not added twice.
    """
    body = _MOTION_SCORE.sub("", text).strip()
    filled = tail.format(motion=motion_score)
    if filled and body.endswith(filled):
        return body
    if body and body[-1] not in ".!?。！？":
        body += "."
    return f"{body} {filled}".strip()
