"""What goes wrong when a picture or video is read, said in one line that names the file and the remedy."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError


class Unreadable(ValueError):
    """A file that gives no picture: `what` is the reason and the remedy without the name, for lists of files."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{str(path)!r} {what}")
        self.what = what


@contextmanager
def reading(path: Path) -> Generator[None]:
    """Whatever the decoders raise inside becomes `Unreadable`."""
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
        raise Unreadable(path, "is not a picture, despite its name; save it again as PNG") from None
    except Exception as error:  # decoders raise almost anything on damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unreadable(path, f"is damaged or cut short ({reason}); save or copy it again") from error
