"""What goes wrong when a picture or video is read, said in one line that names the file and the remedy."""

from __future__ import annotations

import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError


class Unreadable(ValueError):
    """A file that gives no picture: `what` is the reason and the remedy without the name, for lists of files."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{str(path)!r} {what}")
        self.what = what


#: Pixels of a picture, or of a frame of a video, above which it is refused before it is decoded: A3 at 600 dpi has 70
#: million. While a PNG of this size is read, it takes 1.1 GB.
MOST_PIXELS = 100_000_000


def check_size(path: Path, width: int, height: int, most_pixels: int) -> None:
    """`Unreadable` above `most_pixels`. The sides are what a file says of itself, before any pixel is decoded."""
    if width * height > most_pixels:
        raise _too_large(path, most_pixels)


def _too_large(path: Path, most_pixels: int = MOST_PIXELS) -> Unreadable:
    return Unreadable(path, f"is larger than {most_pixels // 1_000_000} megapixels; save a smaller copy")


@contextmanager
def reading(path: Path) -> Generator[None]:
    """Whatever the decoders raise inside becomes `Unreadable`; so does a path that is not of a regular file, unopened."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "is a folder" if stat.S_ISDIR(found.st_mode) else "is a device or pipe"
            raise Unreadable(path, f"{kind}, not a file; give the name of a picture")
        if found.st_size == 0:
            raise Unreadable(path, "is an empty file of 0 bytes; save the drawing again")
        yield
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable(path, "does not exist; check its name, or what the link points to") from None
    except PermissionError:
        raise Unreadable(path, "may not be read; give yourself the right to read it") from None
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except UnidentifiedImageError:
        raise Unreadable(
            path, "is not a picture of a format that is read here, despite its name; save it again as PNG"
        ) from None
    except Exception as error:  # decoders raise almost anything on damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unreadable(path, f"is damaged or cut short ({reason}); save or copy it again") from error
