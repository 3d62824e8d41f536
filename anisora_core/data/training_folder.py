"""A folder of drawings as artists keep it: which of its files can be trained on, their captions, and what is wrong with the rest."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from ..media.frames import MediaInfo, inspect_media
from ..media.pictures import PICTURES
from ..media.unreadable import Unreadable
from ..media.video import VIDEOS
from .captions import caption_beside, captions_in_jsonl

#: A sub-folder of this name is where training may write; it is never read.
OUTPUT_FOLDER = "anisora_output"
_PROGRAMS = frozenset(
    (".ai", ".clip", ".heic", ".heif", ".kra", ".mdp", ".psb", ".psd", ".sai", ".sai2", ".svg", ".xcf")
)
#: Up to 99: `10_ink` is ten repeats, `2024_sketches` is a year.
_REPEATS = re.compile(r"([1-9]\d?)_.")
#: Drawings whose hashes differ in at most so many of 64 bits look alike; recoloured, resized and recompressed copies do.
_SIMILAR_BITS = 6
#: Training sizes are rounded down to a grid and so a little below the size asked for; below this share of it, the drawing was too small.
_FULL_SIZE_SHARE = 0.75

Kind = Literal["broken", "duplicate", "caption", "skipped"]


@dataclass(frozen=True)
class Item:
    """A drawing (one frame) or clip. `height` and `width`: in pixels, upright; `num_frames`: as stored; `caption`: on one line,
    "" for none; `repeats`: how often an epoch shows it; `content`: SHA-256 of the file's bytes in hex.
    """

    path: Path
    height: int
    width: int
    num_frames: int
    caption: str
    repeats: int
    content: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Problem:
    """`what` follows the file's name in a sentence. Broken, duplicate and skipped files are not among the items."""

    path: Path
    what: str
    kind: Kind


@dataclass(frozen=True)
class TrainingFolder:
    """Items and problems in the order of their relative paths; `similar`: pairs of drawings that look alike, the earlier one first."""

    root: Path
    items: tuple[Item, ...]
    problems: tuple[Problem, ...]
    similar: tuple[tuple[Path, Path], ...]


@dataclass(frozen=True)
class FolderReport:
    """What an artist should know before training. Paths are relative, sizes (height, width) in pixels."""

    pictures: int
    clips: dict[str, int]
    smallest: tuple[int, int]
    largest: tuple[int, int]
    buckets: dict[tuple[int, int], int]
    repeats: dict[int, int]
    no_caption: tuple[str, ...]
    small: tuple[str, ...]
    too_small: tuple[str, ...]
    problems: tuple[tuple[Kind, str, str], ...]
    similar: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """Sentences, the summary first; names are quoted, with line breaks escaped."""
        lines = [
            f"{_counted(self.pictures, 'picture')} and {_counted(len(self.clips), 'clip')}, "
            f"{_size(self.smallest)} to {_size(self.largest)}",
            *(f"{count} trained at {_size(size)}" for size, count in self.buckets.items()),
            *(
                f"{count} shown {repeats} times an epoch"
                for repeats, count in self.repeats.items()
                if repeats > 1
            ),
            *(f"{name!r} has {frames} frames" for name, frames in self.clips.items()),
        ]
        if self.pictures + len(self.clips) == 1:
            lines.append(
                "the LoRA will memorise a single picture instead of its style; 20 or more are better"
            )
        if self.no_caption:
            lines.append(f"{len(self.no_caption)} without a caption: {_names(self.no_caption)}")
        if self.small:
            lines.append(
                f"{len(self.small)} trained at a smaller size, because drawings are never enlarged: {_names(self.small)}"
            )
        if self.too_small:
            lines.append(f"{len(self.too_small)} left out, far too small: {_names(self.too_small)}")
        lines += [f"{name!r} {what}" for _, name, what in self.problems]
        return lines + [f"{later!r} looks like {earlier!r}" for earlier, later in self.similar]

    def as_json(self) -> dict[str, Any]:
        """For json.dumps: sizes as "WIDTHxHEIGHT"."""
        return {
            "pictures": self.pictures,
            "clips": self.clips,
            "smallest": _size(self.smallest),
            "largest": _size(self.largest),
            "buckets": {_size(size): count for size, count in self.buckets.items()},
            "repeats": {str(repeats): count for repeats, count in self.repeats.items()},
            "no_caption": list(self.no_caption),
            "small": list(self.small),
            "too_small": list(self.too_small),
            "problems": [{"kind": kind, "path": name, "what": what} for kind, name, what in self.problems],
            "similar": [list(pair) for pair in self.similar],
        }


def read_training_folder(root: Path) -> TrainingFolder:
    """Every drawing and clip under `root`; what cannot be used becomes a problem. ValueError when nothing is usable."""
    if not os.path.isdir(root):
        wrong = "is a file; give the folder that holds it" if os.path.exists(root) else "does not exist"
        raise ValueError(f"training folder {str(root)!r} {wrong}")
    problems: list[Problem] = []
    files = sorted(files_under(root, problems), key=lambda path: _relative(path, root))
    listed = _listed_captions(files, problems)
    items: list[Item] = []
    hashes: dict[Path, np.ndarray] = {}
    for path in files:
        if path.suffix.lower() in _PROGRAMS:
            problems.append(Problem(path, "is a drawing program's own file; save it as PNG", "skipped"))
        elif path.suffix.lower() in PICTURES | VIDEOS and (found := _inspected(path, problems)):
            info, content = found
            caption = _caption(path, listed, problems)
            size = info.height, info.width, info.num_frames
            items.append(Item(path, *size, caption, _repeats(path, root), content, info.seconds))
            if info.num_frames == 1:
                hashes[path] = perceptual_hash(info.small_HWC)
    if not items:
        raise ValueError(_nothing_usable(root, problems))
    kept = _without_duplicates(items, root, problems)
    similar = _similar([(item.path, hashes[item.path]) for item in kept if item.path in hashes])
    problems.sort(key=lambda problem: _relative(problem.path, root))
    return TrainingFolder(root, tuple(kept), tuple(problems), similar)


def perceptual_hash(picture_HWC: np.ndarray) -> np.ndarray:
    """64 bools: which of the 8x8 lowest frequencies of the grey picture, squeezed to 32x32, are above their median."""
    grey = Image.fromarray(picture_HWC).convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    waves = np.cos(np.pi / 32 * np.outer(np.arange(8), np.arange(32) + 0.5))
    low = (waves @ np.asarray(grey, np.float64) @ waves.T).ravel()
    low = low.round(6)  # so that rounding errors set no bits in a flat picture
    return low > np.median(low)


def report(
    folder: TrainingFolder,
    buckets: Mapping[tuple[int, int], Sequence[Item]],
    *,
    max_pixels: int | None = None,
) -> FolderReport:
    """`buckets`: from `buckets.assign`; `max_pixels`: the training size given to it (by default that of the largest bucket)."""

    def name(path: Path) -> str:
        return _relative(path, folder.root)

    max_pixels = max_pixels or max(height * width for height, width in buckets)
    already_reported = {problem.path for problem in folder.problems if problem.kind == "caption"}
    bucket_of = {item.path: size for size, items in buckets.items() for item in items}
    sizes = sorted(((item.height, item.width) for item in folder.items), key=lambda size: size[0] * size[1])
    return FolderReport(
        pictures=sum(item.num_frames == 1 for item in folder.items),
        clips={name(item.path): item.num_frames for item in folder.items if item.num_frames > 1},
        smallest=sizes[0],
        largest=sizes[-1],
        buckets={size: len(items) for size, items in buckets.items()},
        repeats=dict(sorted(Counter(item.repeats for item in folder.items).items())),
        no_caption=tuple(
            name(item.path) for item in folder.items if not item.caption and item.path not in already_reported
        ),
        small=tuple(
            name(path)
            for path, (height, width) in bucket_of.items()
            if height * width < max_pixels * _FULL_SIZE_SHARE
        ),
        too_small=tuple(name(item.path) for item in folder.items if item.path not in bucket_of),
        problems=tuple((problem.kind, name(problem.path), problem.what) for problem in folder.problems),
        similar=tuple((name(earlier), name(later)) for earlier, later in folder.similar),
    )


def files_under(root: Path, problems: list[Problem]) -> Iterator[Path]:
    """All files that are neither hidden nor in `OUTPUT_FOLDER`. Links are followed, but no folder is read twice and none that
    contains `root`. Folders that cannot be opened are added to `problems`."""

    def closed(error: OSError) -> None:
        problems.append(Problem(Path(error.filename), f"cannot be opened ({error.strerror})", "broken"))

    seen = {_identity(folder) for folder in root.resolve().parents}
    for folder, folders, names in os.walk(root, onerror=closed, followlinks=True):
        identity = _identity(folder)
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != OUTPUT_FOLDER)
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def _identity(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _inspected(path: Path, problems: list[Problem]) -> tuple[MediaInfo, str] | None:
    try:
        info = inspect_media(path)
        with path.open("rb") as file:
            return info, hashlib.file_digest(file, "sha256").hexdigest()
    except Unreadable as error:
        problems.append(Problem(path, error.what, "broken"))
    return None


def _listed_captions(files: Sequence[Path], problems: list[Problem]) -> dict[Path, str]:
    captions: dict[Path, str] = {}
    for path in files:
        if path.suffix.lower() == ".jsonl" and path.is_file():
            listed, wrong = captions_in_jsonl(path)
            captions |= listed
            if wrong:
                problems.append(
                    Problem(path, f"has {len(wrong)} lines that cannot be used; {wrong[0]}", "caption")
                )
    return captions


def _caption(path: Path, listed: Mapping[Path, str], problems: list[Problem]) -> str:
    try:
        beside = caption_beside(path)
    except ValueError as error:
        problems.append(Problem(path, str(error), "caption"))
        beside = None
    caption = beside or listed.get(Path(os.path.abspath(path)), "")
    if beside == caption == "":
        problems.append(Problem(path, "has an empty caption; write one into its .txt", "caption"))
    return caption


def _repeats(path: Path, root: Path) -> int:
    """From the name of the innermost folder below `root` that has a number of repeats."""
    matches = (_REPEATS.match(name) for name in reversed(path.relative_to(root).parts[:-1]))
    return next((int(match[1]) for match in matches if match), 1)


def _without_duplicates(items: Sequence[Item], root: Path, problems: list[Problem]) -> list[Item]:
    """Among files with the same bytes, keeps the first that has a caption, else the first."""
    kept: dict[str, Item] = {}
    for item in sorted(items, key=lambda item: not item.caption):
        kept.setdefault(item.content, item)
    for item in items:
        if (used := kept[item.content]) is not item:
            what = f"is the same file as {_relative(used.path, root)!r}, used once"
            problems.append(Problem(item.path, what, "duplicate"))
    return [item for item in items if kept[item.content] is item]


def _similar(hashes: Sequence[tuple[Path, np.ndarray]]) -> tuple[tuple[Path, Path], ...]:
    """Each picture that looks like an earlier one, with the first of those."""
    pairs: list[tuple[Path, Path]] = []
    bits = np.array([bits for _, bits in hashes], bool).reshape(-1, 64)
    for index in range(1, len(hashes)):
        near = np.flatnonzero((bits[:index] ^ bits[index]).sum(1) <= _SIMILAR_BITS)
        if len(near):
            pairs.append((hashes[near[0]][0], hashes[index][0]))
    return tuple(pairs)


def _nothing_usable(root: Path, problems: Sequence[Problem]) -> str:
    what = f"training folder {str(root)!r} has no picture or clip that can be used"
    if not problems:
        return f"{what}; put drawings into it, as PNG, JPEG or WebP"
    first = problems[0]
    return f"{what}; of {len(problems)} problems the first: {_relative(first.path, root)!r} {first.what}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more
