"""Faces of drawn people, found by animeface (nvxs, Apache 2.0; the extra `evaluate`), and whether a clip keeps them.

It finds faces of the usual proportions of Japanese animation from the front and half from the side; very young (chibi) and picture-book figures it mostly misses.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

#: Likelihood (0..1) from which on a face counts: on art with known faces, false ones stayed below 0.7.
LIKELY = 0.9
#: Faces overlap from this intersection over union on.
_SAME_PLACE = 0.3


@dataclass(frozen=True)
class Face:
    """In pixels from the top left; `likelihood` 0..1."""

    x: int
    y: int
    width: int
    height: int
    likelihood: float


class _ImagingMemory(ctypes.Structure):
    """What animeface reads of a picture: the layout of Pillow 4's C struct. It is given one of its own, since later Pillows changed theirs, and animeface
    then finds nothing without saying so."""

    _fields_ = [
        ("mode", ctypes.c_char * 7), ("type", ctypes.c_int), ("depth", ctypes.c_int), ("bands", ctypes.c_int), ("xsize", ctypes.c_int),
        ("ysize", ctypes.c_int), ("palette", ctypes.c_void_p), ("image8", ctypes.c_void_p), ("image32", ctypes.c_void_p),
        ("image", ctypes.c_void_p), ("block", ctypes.c_void_p), ("pixelsize", ctypes.c_int), ("linesize", ctypes.c_int),
        ("destroy", ctypes.c_void_p),
    ]  # fmt: skip


class _ImagingObject(ctypes.Structure):
    _fields_ = [("refcnt", ctypes.c_ssize_t), ("type", ctypes.c_void_p), ("image", ctypes.c_void_p), ("access", ctypes.c_void_p)]  # fmt: skip


def can_find_faces() -> bool:
    return importlib.util.find_spec("animeface") is not None


def find_faces(picture_HWC: np.ndarray) -> list[Face]:
    """Faces of a uint8 RGB picture, the likeliest first. ValueError without animeface."""
    try:
        from animeface import _nvxs
    except ImportError:
        raise ValueError(
            "finding faces needs animeface; install the extra `evaluate` (pip install animeface)"
        ) from None
    height, width = picture_HWC.shape[:2]
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = picture_HWC
    rows = (ctypes.c_void_p * height)(*[pixels.ctypes.data + 4 * width * y for y in range(height)])
    first = ctypes.cast(rows, ctypes.c_void_p).value
    memory = _ImagingMemory(
        b"RGB", 0, 8, 3, width, height, None, None, first, first, None, 4, 4 * width, None
    )
    # a count of references that never falls to zero: the memory is ours
    picture = _ImagingObject(1 << 20, id(object), ctypes.addressof(memory), None)
    found = cast(Sequence[Any], _nvxs.detect(ctypes.cast(ctypes.addressof(picture), ctypes.py_object).value))
    faces = [_face(row) for row in found]
    return sorted((f for f in faces if f.likelihood >= LIKELY), key=lambda f: -f.likelihood)


def _face(row: dict[str, Any]) -> Face:
    return Face(*map(int, row["face_box"]), likelihood=float(row["likelihood"]))


def faces_kept(found: Sequence[Sequence[Face]]) -> np.ndarray:
    """float64 [F], 0..1: of the faces of the first frame, how many are still there in each frame, of `find_faces` of every frame. A face is followed from
    frame to frame: it is the one that overlaps where it was last seen. NaN when the first frame has none."""
    if not found or not found[0]:
        return np.full(len(found), np.nan)
    last_seen = list(found[0])
    shares: list[float] = []
    for faces in found:
        here = [max(faces, key=lambda face: overlap(face, seen), default=None) for seen in last_seen]
        kept = [
            face is not None and overlap(face, seen) >= _SAME_PLACE
            for face, seen in zip(here, last_seen, strict=True)
        ]
        shares.append(float(np.mean(kept)))
        last_seen = [
            face if face and ok else seen for face, seen, ok in zip(here, last_seen, kept, strict=True)
        ]
    return np.array(shares)


def overlap(a: Face, b: Face) -> float:
    """Intersection over union, 0..1."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    both = max(0, across) * max(0, down)
    either = a.width * a.height + b.width * b.height - both
    return both / either if either > 0 else 0.0
