"""The file of a clip: tried before the clip is made, and what is kept when it cannot be written after all."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..anisora_core.domain.atomic_write import try_place
from ..anisora_core.domain.latents import RawLatent
from ..anisora_core.media.contact_sheet import contact_sheet
from ..anisora_core.media.frames import is_signed
from ..anisora_core.media.video import write_mp4, write_webp
from ..nodes.host.latent_file import save_where_there_is_room, told_how_to_continue


@dataclass(frozen=True)
class GeneratedClip:
    """`frames`: uint8 HWC, in order; a video is written while they come."""

    frames: Iterable[np.ndarray]
    fps: float


WRITERS: dict[str, Callable[[GeneratedClip, Path], None]] = {
    ".mp4": lambda clip, path: write_mp4(clip.frames, path, clip.fps),
    ".webp": lambda clip, path: write_webp(clip.frames, path, clip.fps),
    ".png": lambda clip, path: contact_sheet([np.stack(list(clip.frames))], path),
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


def keeping(latent: RawLatent, fps: float, options: argparse.Namespace) -> AbstractContextManager[None]:
    """What goes wrong inside leaves the latents in a file: beside the clip, or where there is room."""

    def keep() -> str:
        folders = (options.out.parent, Path.cwd(), Path(tempfile.gettempdir()))
        kept = options.latents or save_where_there_is_room(
            latent, folders, options.out.stem, {"fps": str(fps)}
        )
        return _how_to_continue(kept, options)

    return told_how_to_continue(keep)


def _how_to_continue(kept: Path | None, options: argparse.Namespace) -> str:
    if kept is None:
        return "nor was there room for the sampled latents in that folder, this one or the temporary one"
    words = ["anisora", "generate", "--model", options.model, "--latents", str(kept)]
    for option in ("weights", "vae"):
        if value := getattr(options, option):
            words += [f"--{option}", value]
    return f"the sampled latents are kept; make the clip of them with: {shlex.join(words)} --out NAME{options.out.suffix}"
