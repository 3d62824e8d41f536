"""Openly licensed drawings that are moved as an animator would: training clips with exact truth.

`sources` says which packages they come from and under which licence; `prepare` makes a small library of them, `library` reads
it; `scenes` composes pictures, `looks` changes how they are drawn, `motions` moves their layers, `animation` makes clips.
"""

from .animation import DrawnClip, animate
from .library import Drawing, read_library
from .scenes import Scene, make_scene

__all__ = ["Drawing", "DrawnClip", "Scene", "animate", "make_scene", "read_library"]
