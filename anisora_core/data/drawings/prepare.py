"""A library of drawings made from packages: each shrunk once, its alpha kept, the same picture once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ...domain.atomic_write import write_beside
from ...media.pictures import read_colours_and_alpha
from .library import INDEX
from .sources import SOURCES, PackagedDrawing, Source, drawings_of_source

#: Longest side of a kept drawing; scenes are composed at 256 to 512 pixels.
LONGEST = 512
_SHORTEST = 48
_FAINT = 8  # alpha of 255 below which a border is cut off


def prepare_library(names: Sequence[str], folder: Path) -> Iterator[tuple[int, int]]:
    """Writes `folder`; yields (drawings kept, drawings seen). What cannot be read, or is too small, is left out.

    ValueError for an unknown source, or one that is not installed.
    """
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise ValueError(f"--sources {unknown[0]}: unknown; use {', '.join(SOURCES)}")
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    prints: set[str] = set()
    seen = 0
    for name in names:
        for found in drawings_of_source(SOURCES[name], folder / "packages"):
            seen += 1
            row = keep(found, SOURCES[name], folder, prints)
            if row is not None:
                rows.append(row)
            yield len(rows), seen
    with write_beside(folder / "SOURCES.md") as part:
        part.write_text(sources_page([SOURCES[name] for name in names], rows), encoding="utf-8")
    with write_beside(folder / INDEX) as part:
        part.write_text(json.dumps({"drawings": rows}, indent=0) + "\n", encoding="utf-8")


def keep(found: PackagedDrawing, source: Source, folder: Path, prints: set[str]) -> dict[str, object] | None:
    """The row of the index; None for a drawing that is left out. `prints` are of the drawings that are kept already."""
    digest = hashlib.sha256(found.path.read_bytes()).hexdigest()
    try:
        pictures = [with_alpha(path) for path in (found.path, *others_of(found))]
    except ValueError:
        return None
    box = Image.fromarray(np.asarray(pictures[0].getchannel("A")) > _FAINT).getbbox()
    if box is None:
        return None
    pictures = [shrunk(picture.crop(box)) for picture in pictures]
    fingerprint = look_of(pictures[0])
    if min(pictures[0].size) < _SHORTEST or fingerprint in prints:
        return None
    prints.add(fingerprint)
    names = [f"{digest[:16]}{'' if not n else f'_{n}'}.png" for n in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        with write_beside(folder / name) as part:
            picture.save(part, format="PNG")
    has_closed = found.closed is not None
    return {
        "file": names[0],
        "closed": names[1] if has_closed else "",
        "mouths": names[2:] if has_closed else names[1:],
        "sha256": digest,
        "source": source.name,
        "category": found.category,
        "words": " ".join(found.words),
    }


def with_alpha(path: Path) -> Image.Image:
    """RGBA. ValueError when it cannot be read."""
    colours, alpha = read_colours_and_alpha(path)
    picture = Image.fromarray(colours).convert("RGB")
    picture.putalpha(Image.fromarray(alpha) if alpha is not None else 255)
    return picture


def others_of(found: PackagedDrawing) -> list[Path]:
    return [*([found.closed] if found.closed else []), *found.mouths]


def shrunk(picture: Image.Image) -> Image.Image:
    scale = LONGEST / max(picture.size)
    if scale >= 1:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def look_of(picture: Image.Image) -> str:
    """A perceptual hash on white: signs of the lowest 64 cosine coefficients about their median (Zauner 2010)."""
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    small = np.asarray(white.convert("L").resize((32, 32), Image.Resampling.BOX), np.float32)
    low = cv2.dct(small)[:8, :8]
    return np.packbits(low > np.median(low)).tobytes().hex()


def sources_page(sources: Sequence[Source], rows: Sequence[dict[str, object]]) -> str:
    """Licence, authors and hash of each package's drawings."""
    lines = ["# Drawings that mini is trained on", ""]
    for source in sources:
        own = sorted(str(row["sha256"]) for row in rows if row["source"] == source.name)
        digest = hashlib.sha256("".join(own).encode()).hexdigest()
        facts = asdict(source) | {"drawings": len(own), "sha256 of all": digest}
        lines += [f"## {source.name}", "", *(f"- {key}: {value}" for key, value in facts.items()), ""]
    return "\n".join(lines)
