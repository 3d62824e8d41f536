"""The scale of motion that clips for training are labelled with."""

from __future__ import annotations


def motion_score(speed: float) -> float:
    """`speed`: the mean displacement of a clip's pixels, in frame heights per second."""
    return 14.0 * speed**0.5


def labelled_score(speed: float) -> float:
    """As captions of mini's clips have it: 0..6, to a tenth."""
    return round(min(6.0, motion_score(speed)), 1)
