"""The file of a clip: tried before the clip is made, and what is kept when it cannot be written after all."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..anisora_core.domain.atomic_write import try_place
from ..anisora_core.domain.latents import RawLatent
from ..anisora_core.media.contact_sheet import contact_sheet
from ..anisora_core.media.frames import is_signed
from ..anisora_core.media.video import write_mp4, write_webp
from ..nodes.host.latent_file import save_latent_as


@dataclass(frozen=True)
class GeneratedClip:
    frames_FHWC: np.ndarray
    fps: float


WRITERS: dict[str, Callable[[GeneratedClip, Path], None]] = {
    ".mp4": lambda clip, path: write_mp4(clip.frames_FHWC, path, clip.fps),
    ".webp": lambda clip, path: write_webp(clip.frames_FHWC, path, clip.fps),
    ".png": lambda clip, path: contact_sheet([clip.frames_FHWC], path),
}


def write_clip(clip: GeneratedClip, path: Path) -> None:
    WRITERS[path.suffix.lower()](clip, path)


def check_out(out: Path, given: Sequence[Path], *, overwrite: bool) -> None:
    """ValueError or CannotWrite when a clip may not or cannot be written to `out`: over a file of `given`, never; over one
    that is not a clip of this program, unless `overwrite`; into a folder that is full or read-only.
    """
    if out.suffix.lower() not in WRITERS:
        raise ValueError(f"--out {out}: use a name that ends in {', '.join(WRITERS)}")
    try_place(out)
    if not out.exists():
        return
    if any(file.exists() and out.samefile(file) for file in given):
        raise ValueError(f"--out {out} is a file that was given; use another name")
    if not (overwrite or is_signed(out)):
        raise ValueError(
            f"--out {out} exists and is not a clip of this program; use another name, or add --overwrite"
        )


@contextmanager
def keeping(latent: RawLatent, fps: float, options: argparse.Namespace) -> Generator[None]:
    """Whatever goes wrong inside, out of memory and Ctrl-C included, leaves the latents in a file, and is said with how to go on."""
    try:
        yield
    except BaseException as error:
        then = _how_to_continue(options.latents or _kept(latent, fps, options.out), options)
        if not isinstance(error, Exception):
            sys.stderr.write(f"{then}\n")
            raise
        what = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{what}; {then}") from error


def _kept(latent: RawLatent, fps: float, out: Path) -> Path | None:
    """Beside the clip, or where there is room."""
    for folder in (out.parent, Path.cwd(), Path(tempfile.gettempdir())):
        try:
            return save_latent_as(latent, folder, out.stem, {"fps": str(fps)})
        except OSError:
            continue
    return None


def _how_to_continue(kept: Path | None, options: argparse.Namespace) -> str:
    if kept is None:
        return "nor was there room for the sampled latents in that folder, this one or the temporary one"
    words = ["anisora", "generate", "--model", options.model, "--latents", str(kept)]
    for option in ("weights", "vae"):
        if value := getattr(options, option):
            words += [f"--{option}", value]
    return f"the sampled latents are kept; make the clip of them with: {shlex.join(words)} --out NAME{options.out.suffix}"
