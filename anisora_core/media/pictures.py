"""Drawings and clips from disk, as the bytes a trainer takes: upright, RGB in sRGB, transparency over white.

Shapes: picture_HWC and frames_FHWC are uint8 RGB.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

if TYPE_CHECKING:
    import av

# fmt: off
PICTURES = frozenset((
    ".apng", ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp",
))
# fmt: on
VIDEOS = frozenset((".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm"))
#: No training size comes near; what is larger is shrunk while it is read, so that memory stays bounded.
LARGEST = 32_000_000
#: Formats whose further pictures are moments, not the pages, layers or thumbnails that TIFF, PSD and MPO hold.
_MOVING = frozenset({"AVIF", "GIF", "PNG", "WEBP"})
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)
_SMALL = 1 << 16
#: Seconds by which sums of durations are off.
_TINY = 1e-6


class Unreadable(ValueError):
    """A file that gives no picture: `what` is the reason and the fix without the name, for lists of files."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{str(path)!r} {what}")
        self.what = what


@dataclass(frozen=True)
class Look:
    """Upright size in pixels, number of frames as stored (1 is a still), the first one, much smaller, and how long it lasts."""

    height: int
    width: int
    num_frames: int
    small_HWC: np.ndarray
    seconds: float = 0.0


def read_picture(path: Path, *, most_pixels: int = LARGEST) -> np.ndarray:
    """picture_HWC: the drawing, or the first frame of an animated picture; ValueError when it cannot be read.

    EXIF orientation is applied, transparency becomes white paper, 16 bits become 8 over their whole range, and an ICC
    profile is converted to sRGB unless it is damaged. Above `most_pixels` the sides are divided by a whole number.
    """
    with _opened(path) as image:
        return _rgb(_upright(image, most_pixels), image.info.get("icc_profile"))


def read_frames(
    path: Path, fps: float, most: int, *, skip: int = 0, most_pixels: int = LARGEST
) -> np.ndarray:
    """frames_FHWC of a video or an animated picture: at 0, 1 / fps, 2 / fps ... seconds the frame nearest in time.

    At least one and at most `most` frames after the first `skip`; a still picture gives one. Larger frames than
    `most_pixels` are shrunk as `read_picture` does. ValueError when the file cannot be read.
    """
    if fps <= 0 or most < 1:
        raise ValueError(f"{fps} frames per second, at most {most}: both must be above zero")
    moments = _video if path.suffix.lower() in VIDEOS else _animation
    return np.stack(list(islice(_nearest(moments(path, most_pixels), fps), skip, skip + most)))


def frames_within(seconds: float, fps: float) -> int:
    """How many frames `read_frames` finds in a file that lasts so long."""
    return max(1, math.ceil((seconds - _TINY) * fps))


def look_at(path: Path) -> Look:
    """What a file holds. All of it is decoded, so that what passes can be read later; ValueError when it cannot."""
    if path.suffix.lower() in VIDEOS:
        return _look_at_video(path)
    with _opened(path) as image:
        width, height = image.size
        num_frames = _num_frames(image)
        small = _rgb(_upright(image, _SMALL), None)
        if image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE:
            height, width = width, height
        seconds = sum(_seconds(frame) for frame in ImageSequence.Iterator(image)) if num_frames > 1 else 0.0
    return Look(height, width, num_frames, small, seconds)


def fit(picture: np.ndarray, height: int, width: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """HWC or FHWC uint8, resized to cover (height, width) and cut to exactly that.

    The cut is in the middle, or with `rng` anywhere along the side that is too long; all frames are cut alike.
    """
    tall, wide = picture.shape[-3:-1]
    scale = max(height / tall, width / wide)
    box_tall, box_wide = min(tall, height / scale), min(wide, width / scale)
    share = 0.5 if rng is None else rng.random()
    # Whole pixels: a picture that is only cut stays as sharp as it was.
    top, left = int((tall - box_tall) * share), int((wide - box_wide) * share)
    box = (left, top, left + box_wide, top + box_tall)
    frames = [
        np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS, box))
        for frame in picture.reshape(-1, tall, wide, 3)
    ]
    return np.stack(frames).reshape(*picture.shape[:-3], height, width, 3)


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Whatever goes wrong inside is said in one line that names the file."""
    try:
        if path.stat().st_size == 0:
            raise Unreadable(path, "is an empty file of 0 bytes; save the drawing again")
        yield
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable(path, "does not exist; check its name, or what the link points to") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise Unreadable(path, f"is larger than {limit} megapixels; save a smaller copy") from None
    except UnidentifiedImageError:
        raise Unreadable(path, "is no picture, whatever its name says; save it again as PNG") from None
    except Exception as error:  # decoders raise almost anything on damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unreadable(path, f"is damaged or cut short ({reason}); save or copy it again") from error


@contextmanager
def _opened(path: Path) -> Generator[Image.Image]:
    with _reading(path), warnings.catch_warnings():
        # Large pictures and odd metadata are what folders of drawings are made of.
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            yield image


def _num_frames(image: Image.Image) -> int:
    return getattr(image, "n_frames", 1) if image.format in _MOVING else 1


def _upright(image: Image.Image, most_pixels: int) -> Image.Image:
    """Decoded and at most `most_pixels` large, in one of the modes L, LA, RGB, RGBA, CMYK, I and F."""
    if (factor := _factor(image, most_pixels)) > 1:
        image.draft(
            None, (image.width // factor, image.height // factor)
        )  # JPEG: a half, a quarter, an eighth
    plain = _plain(image)
    if (factor := _factor(plain, most_pixels)) > 1:
        plain = plain.reduce(factor)
    return ImageOps.exif_transpose(plain)


def _factor(image: Image.Image, most_pixels: int) -> int:
    return math.ceil((image.width * image.height / most_pixels) ** 0.5)


def _plain(image: Image.Image) -> Image.Image:
    """Without palettes, keyed transparency and the modes that Pillow cannot shrink."""
    image.load()
    if image.mode.startswith("I;16"):
        return image.convert("I")
    grey = image.mode in ("1", "L", "LA", "La")
    if "A" in image.getbands() or "transparency" in image.info:
        return image.convert("LA" if grey else "RGBA")
    if image.mode in ("RGB", "CMYK", "I", "F"):
        return image
    return image.convert("L" if grey else "RGB")


def _rgb(image: Image.Image, profile: bytes | None) -> np.ndarray:
    if image.mode in ("I", "F"):
        image = _eight_bits(image)
    if image.mode in ("LA", "RGBA"):
        paper = Image.new(image.mode[:-1], image.size, "white")
        paper.paste(image.convert(paper.mode), mask=image.getchannel("A"))
        image = paper
    if profile:
        image = _in_srgb(image, profile)
    return np.array(image.convert("RGB"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """I and F name no range: it is the smallest usual one that holds the brightest pixel (integers: 16 bits or 32)."""
    values = np.nan_to_num(np.asarray(image, np.float32))
    ranges = (65535.0, 2.0**32) if image.mode == "I" else (1.0, 255.0, 65535.0, 2.0**32)
    white = next((top for top in ranges if values.max() <= top), np.inf)
    return Image.fromarray((values / white * 255.0).clip(0.0, 255.0).round().astype(np.uint8))


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if image.mode == "L" and cast(Any, source.profile).xcolor_space.strip() == "RGB":
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # damaged, or of another kind than the picture: the colours as they are stored
    return converted or image


def _nearest(moments: Iterable[tuple[float, float, np.ndarray]], fps: float) -> Iterator[np.ndarray]:
    """Of frames with their first and last second, the one nearest to each multiple of 1 / fps up to the end."""
    step, start, end, frame = 0, 0.0, 0.0, None
    for next_start, next_end, next_frame in moments:
        while frame is not None and step / fps <= (start + next_start) / 2:
            yield frame
            step += 1
        start, end, frame = next_start, next_end, next_frame
    while frame is not None and (step == 0 or step / fps < end - _TINY):
        yield frame
        step += 1


def _animation(path: Path, most_pixels: int) -> Iterator[tuple[float, float, np.ndarray]]:
    with _opened(path) as image:
        profile, moving, start = image.info.get("icc_profile"), _num_frames(image) > 1, 0.0
        for frame in ImageSequence.Iterator(image) if moving else [image]:
            picture = _rgb(_upright(frame, most_pixels), profile)
            end = start + _seconds(frame) if moving else start
            yield start, end, picture
            start = end


def _seconds(frame: Image.Image) -> float:
    """As browsers do: frames that name no time are shown for a tenth of a second."""
    frame.load()
    return (frame.info.get("duration") or 100) / 1000


def _video(path: Path, most_pixels: int) -> Iterator[tuple[float, float, np.ndarray]]:
    for start, end, frame in _timed(path):
        yield start, end, _rgb(_upright(Image.fromarray(_turned(frame)), most_pixels), None)


def _look_at_video(path: Path) -> Look:
    frames = _timed(path)
    _, end, frame = next(frames)
    first = _turned(frame)
    ends = [end, *(end for _, end, _ in frames)]
    height, width = first.shape[:2]
    small = _rgb(_upright(Image.fromarray(first), _SMALL), None)
    return Look(height, width, len(ends), small, ends[-1])


def _timed(path: Path) -> Iterator[tuple[float, float, av.VideoFrame]]:
    """Frames with their first and last second."""
    first = start = end = 0.0
    for number, frame in enumerate(_decoded(path)):
        before, start = start, end if frame.pts is None else frame.time
        first = first if number else start
        end = start + (float(frame.duration * (frame.time_base or 0)) or start - before)
        yield start - first, end - first, frame


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    """At least one frame."""
    import av

    with _reading(path), av.open(str(path.absolute())) as container:
        if not container.streams.video:
            raise Unreadable(path, "has sound but no pictures; leave it out")
        frame = None
        for frame in container.decode(container.streams.video[0]):
            yield frame
        if frame is None:
            raise Unreadable(path, "has no frame that can be read; save it again as MP4")


def _turned(frame: av.VideoFrame) -> np.ndarray:
    """HWC, as phones mean it that film on their side."""
    return np.rot90(frame.to_ndarray(format="rgb24"), round(getattr(frame, "rotation", 0) / 90))
