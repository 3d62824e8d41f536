"""Video files: decoded, and written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..domain.atomic_write import write_beside
from .signature import MADE_BY, signed
from .unreadable import MOST_PIXELS, Unreadable, check_size, reading

if TYPE_CHECKING:
    import av

#: FFmpeg may read only these containers, and only files: others, such as playlists, name further files and addresses to open.
_CONTAINERS = {
    "format_whitelist": "mov,avi,matroska,mpeg,mpegts,mpegvideo",
    "protocol_whitelist": "file",
}
VIDEOS = frozenset((".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm"))


def timed_frames(path: Path) -> Iterator[tuple[float, float, av.VideoFrame]]:
    """Frames with their first and last second."""
    first = start = end = 0.0
    for number, frame in enumerate(decoded_frames(path)):
        before, start = start, end if frame.pts is None else frame.time
        first = first if number else start
        end = start + (float(frame.duration * (frame.time_base or 0)) or start - before)
        yield start - first, end - first, frame


def decoded_frames(path: Path) -> Iterator[av.VideoFrame]:
    """At least one frame."""
    import av

    with reading(path), av.open(str(path.absolute()), container_options=_CONTAINERS) as container:
        if not container.streams.video:
            raise Unreadable(path, "has sound but no pictures; leave it out")
        stream = container.streams.video[0]
        check_size(path, stream.width, stream.height, MOST_PIXELS)
        frame = None
        for frame in container.decode(stream):
            check_size(path, frame.width, frame.height, MOST_PIXELS)  # it may change within a file
            yield frame
        if frame is None:
            raise Unreadable(path, "has no frame that can be read; save it again as MP4")


def upright_pixels(frame: av.VideoFrame) -> np.ndarray:
    """HWC, as phones mean it that film on their side."""
    return np.rot90(frame.to_ndarray(format="rgb24"), round(getattr(frame, "rotation", 0) / 90))


def comment_of(path: Path) -> str:
    """The comment in its header; nothing is decoded. `Unreadable` for what is not a video."""
    import av

    with reading(path), av.open(str(path.absolute()), container_options=_CONTAINERS) as container:
        return container.metadata.get("comment", "")


def read_video(path: Path) -> np.ndarray:
    """Every frame as stored: uint8 RGB frames_FHWC."""
    return np.stack([frame.to_ndarray(format="rgb24") for frame in decoded_frames(path)])


def write_mp4(frames_FHWC: np.ndarray, path: Path, fps: float) -> None:
    """uint8 RGB frames -> H.264, yuv420p. Width and height must be even."""
    import av

    height, width = frames_FHWC.shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(
            f"size {width}x{height}: video needs even sides; use {width - width % 2}x{height - height % 2}"
        )
    with write_beside(path) as part, av.open(str(part.absolute()), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(fps).limit_denominator(1001), options={"crf": "16"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        container.metadata["comment"] = MADE_BY
        for frame in frames_FHWC:
            for packet in stream.encode(
                av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            ):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def write_webp(frames_FHWC: np.ndarray, path: Path, fps: float) -> None:
    """uint8 RGB frames -> an animated picture that repeats."""
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames_FHWC)
    with write_beside(path) as part:
        first.save(
            part,
            save_all=True,
            append_images=rest,
            duration=round(1000 / fps),
            loop=0,
            quality=90,
            exif=signed(),
        )
