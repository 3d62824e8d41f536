"""How much writing stands at the bottom of a picture, where subtitles do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Share of the height, at the bottom, in which subtitles stand.
BAND = 0.2


def subtitle_share(clips: Sequence[np.ndarray]) -> float:
    """Share of the band's pixels that are nearly white with nearly black within 3 pixels across, as outlined letters are."""
    found: list[float] = []
    for clip in clips:
        band = clip[:, round(clip.shape[1] * (1.0 - BAND)) :].mean(-1)
        white, black = band > 190, band < 70
        near = np.zeros_like(black)
        for shift in range(-3, 4):
            near |= np.roll(black, shift, axis=2)
        found.append(float((white & near).mean()))
    return float(np.mean(found))
