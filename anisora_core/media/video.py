"""Video files: decoded, and written whole or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
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
#: Code points of ITU-T H.273, which MP4 and H.264 use: BT.709, and BT.601 of 525 lines.
_BT709, _BT601 = 1, 6
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


def write_mp4(frames: Iterable[np.ndarray], path: Path, fps: float) -> None:
    """uint8 RGB frames HWC, sRGB -> H.264, yuv420p, which says how its colours are coded. Width and height must be even. Each frame is asked for
    when the one before is coded, so a long clip need not be in memory. ValueError for no frame.

    As players assume where a file says nothing: BT.709 from 720 lines or 1280 columns on, BT.601 below. In both the primaries are
    those of BT.709, as sRGB's are.
    """
    import av
    from av.video.reformatter import ColorRange, Colorspace

    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise ValueError(f"{path}: a video needs a frame; none was given")
    height, width = first.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(
            f"size {width}x{height}: video needs even sides; use {width - width % 2}x{height - height % 2}"
        )
    space = Colorspace.ITU709 if height >= 720 or width >= 1280 else Colorspace.ITU601
    with write_beside(path) as part, av.open(str(part.absolute()), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(fps).limit_denominator(1001), options={"crf": "16"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        coded = stream.codec_context
        coded.color_range, coded.color_primaries, coded.color_trc = ColorRange.MPEG, _BT709, _BT709
        coded.colorspace = _BT709 if space == Colorspace.ITU709 else _BT601
        container.metadata["comment"] = MADE_BY
        for frame in itertools.chain([first], rest):
            pixels = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture = pixels.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=ColorRange.MPEG)
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def write_webp(frames: Iterable[np.ndarray], path: Path, fps: float) -> None:
    """uint8 RGB frames HWC -> an animated picture that repeats."""
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames)
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
