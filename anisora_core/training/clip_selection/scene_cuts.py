"""Where shots begin, by PySceneDetect's content and adaptive detectors, with a second look that leaves out flashes and fast motion.

PySceneDetect is given frames that our own reader decoded: its own readers differ in what they can open, and replace each other without saying so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ...media.resize import resized_pixels, shrunk_size

#: Shorter side at which frames are compared, and size of the thumbnails of the second look.
_SIDE, _THUMB = 144, (32, 24)
#: Seconds within which a flash is over.
_FLASH = 0.3
#: The picture has come back when it differs by less than this share of the change that began the flash.
_BACK = 0.4
#: On one side of a cut at least, for so many seconds frames change by at most this share of the cut's own change: what moves as fast on both sides is motion, such as a wing
#: that covers the picture. Of 9 cuts of a film of 1936 the least calm had 0.18, its fastest motion 0.42.
_AROUND_SECONDS, _CALM = 0.25, 0.36


@dataclass(frozen=True)
class CutSettings:
    """`content`: PySceneDetect's threshold of the content detector, 27 is its own default (AniSora and MagicAnime give no other); `adaptive`: ratio to the changes around."""

    content: float = 27.0
    adaptive: float = 3.0


def find_cuts(
    frames: Iterable[np.ndarray], fps: float, settings: CutSettings = CutSettings()
) -> Iterator[int]:
    """The number of each frame that begins another shot, in order; none for a single shot. uint8 RGB frames, read once; memory does not grow with their number.

    ValueError without PySceneDetect.
    """
    candidates = _Candidates(fps, settings)
    around = max(4, round(_AROUND_SECONDS * fps))
    look = max(around + 1, round(_FLASH * fps))
    thumbs: deque[np.ndarray] = deque(maxlen=2 * look + 6)
    waiting: list[int] = []
    number = -1
    for number, frame in enumerate(frames):
        height, width = frame.shape[:2]
        small = resized_pixels(frame, shrunk_size((height, width), _SIDE))
        thumbs.append(cv2.resize(small, _THUMB, interpolation=cv2.INTER_AREA).astype(np.float32))
        waiting = sorted({*waiting, *candidates.of(number, small)})
        while waiting and number >= waiting[0] + look:
            yield from _confirmed(waiting.pop(0), thumbs, number, look, around)
    for cut in waiting:
        yield from _confirmed(cut, thumbs, number, look, around)


class _Candidates:
    """Both detectors, fed with frame after frame."""

    def __init__(self, fps: float, settings: CutSettings) -> None:
        try:
            from scenedetect import AdaptiveDetector, ContentDetector, FrameTimecode
        except ImportError:
            raise ValueError(
                "finding cuts needs PySceneDetect; install the extra `data` (pip install scenedetect-headless)"
            ) from None
        self._time: Any = FrameTimecode
        self._fps = fps
        self._detectors: list[Any] = [
            ContentDetector(threshold=settings.content, min_scene_len=1),
            AdaptiveDetector(adaptive_threshold=settings.adaptive, min_scene_len=1),
        ]

    def of(self, number: int, frame_HWC: np.ndarray) -> list[int]:
        time = self._time(number, self._fps)
        bgr = np.ascontiguousarray(frame_HWC[..., ::-1])
        found = [cut.frame_num for detector in self._detectors for cut in detector.process_frame(time, bgr)]
        return [cut for cut in found if cut > 0]


def _confirmed(cut: int, thumbs: deque[np.ndarray], last: int, look: int, around: int) -> Iterator[int]:
    """The cut, unless the picture before it comes back at once, or the one after it was there just before: then a flash begins or ends here; or unless
    as much changes all around it."""
    first = last - len(thumbs) + 1
    before, after = thumbs[cut - 1 - first], thumbs[cut - first]
    change = float(np.abs(after - before).mean())
    later = [thumbs[at - first] for at in range(cut + 1, min(last, cut + look) + 1)]
    earlier = [thumbs[at - first] for at in range(max(first, cut - 1 - look), cut - 1)]
    returns = [float(np.abs(thumb - before).mean()) for thumb in later]
    returns += [float(np.abs(thumb - after).mean()) for thumb in earlier]
    steps = [
        float(np.abs(thumbs[at - first] - thumbs[at - 1 - first]).mean()) for at in range(first + 1, last + 1)
    ]
    here = cut - first - 1
    sides = [
        side for side in (steps[max(0, here - around) : here], steps[here + 1 : here + 1 + around]) if side
    ]
    # At an end of the film, a side may be too short for a drawing that is held to have changed.
    sides = [side for side in sides if len(side) == around] or sides
    calm = min((max(side) for side in sides), default=0.0) <= _CALM * change
    if calm and min(returns, default=np.inf) >= _BACK * change:
        yield cut
