"""The rhythm of drawings in a clip: which frames hold the drawing before them, and how many drawings a second are shown.

Animation is drawn on ones, twos or threes: each drawing is shown for one, two or three frames (Williams 2001, The Animator's Survival Kit).
"""

from __future__ import annotations

import numpy as np

from ...media.optical_flow import opencv
from ...media.resize import resized_pixels, shrunk_size

#: Shorter side, in pixels, at which frames are compared: enough to see a mouth move, little enough to average grain.
_SIDE = 240
#: Share of the pixels of a frame below its largest change, which may be an artefact of compression.
_ALMOST_ALL = 0.998
#: Change, in grey levels of 0..255 averaged over 7 x 7 pixels, that still counts as none.
_NOISE = 2.0
#: By how much changes between drawings must exceed those between held frames for the split between them to be taken instead of `_NOISE`.
_APART = 4.0
#: Above this median change, in grey levels, a group of frames holds no drawing, however much more others change.
_MOST_NOISE = 12.0


def frame_changes(frames_FHWC: np.ndarray) -> np.ndarray:
    """float64 [F - 1]: how much the most changed part of a frame differs from the frame before, in grey levels of 0..255."""
    cv2 = opencv()
    height, width = frames_FHWC.shape[1:3]
    size = shrunk_size((height, width), _SIDE)
    found: list[float] = []
    before: np.ndarray | None = None
    for frame in frames_FHWC:
        grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
        grey = resized_pixels(grey, size).astype(np.float32)
        grey = cv2.GaussianBlur(grey, (0, 0), 1.0)  # of grain a third remains, of a line that moves most
        if before is not None:
            change = cv2.blur(cv2.absdiff(grey, before), (7, 7))
            found.append(float(np.quantile(change, _ALMOST_ALL)))
        before = grey
    return np.array(found)


def held_frames(frames_FHWC: np.ndarray) -> np.ndarray:
    """bool [F - 1]: whether frame f + 1 shows the same drawing as frame f, with other noise at most. uint8 RGB."""
    changes = frame_changes(frames_FHWC)
    return changes <= _largest_of_held(changes)


def _largest_of_held(changes: np.ndarray) -> float:
    """The change up to which a drawing counts as held. Grain makes it larger than `_NOISE`: then the changes split into two groups (Otsu 1979,
    on their logarithms) that lie far apart."""
    if len(changes) < 4:
        return _NOISE
    logs = np.sort(np.log(changes + 0.2))
    counts = np.arange(1, len(logs))
    sums = np.cumsum(logs)
    below, above = sums[:-1] / counts, (sums[-1] - sums[:-1]) / (len(logs) - counts)
    split = int(np.argmax(counts * (len(logs) - counts) * (above - below) ** 2))
    low, high = np.exp(np.median(logs[: split + 1])), np.exp(np.median(logs[split + 1 :]))
    if low <= _MOST_NOISE and high > _NOISE and high >= _APART * low:
        return max(_NOISE, float(np.exp((logs[split] + logs[split + 1]) / 2) - 0.2))
    return _NOISE


def hold_lengths(held: np.ndarray) -> np.ndarray:
    """int [drawings]: for how many frames each drawing is shown, of `held_frames`."""
    changes = np.flatnonzero(~held) + 1
    return np.diff(np.concatenate([[0], changes, [len(held) + 1]]))


def drawing_rate(held: np.ndarray, fps: float) -> float:
    """Drawings a second, `fps` at most, of `held_frames`; 0 for a still. The first and last drawing, which a cut may have shortened, do not count
    where there are others."""
    lengths = hold_lengths(held)
    if len(lengths) < 2:
        return 0.0
    whole = lengths[1:-1] if len(lengths) > 2 else lengths
    return float(fps / whole.mean())
