"""Packages of openly licensed drawings: where each is, under which licence, and which of its files may train."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Where Debian's package lies once it is installed.
_OPENCLIPART = Path("/usr/share/openclipart/png")
_AVATARS = Path(__file__).with_name("avatars.mjs")
#: Folders of clip art that hold no drawings of things: symbols, patterns, cards, maps.
_LEFT_OUT = (
    "buttons", "computer", "decorations", "geography", "logos", "office", "recreation/games", "shapes", "signs_and_symbols",
    "special", "tools", "transportation/aiga-symbols", "transportation/roadsigns",
)  # fmt: skip
#: Versions of the npm packages that draw avatars; another one may draw other faces.
NPM_PACKAGES = ("@dicebear/core@9.4.3", "@dicebear/collection@9.4.3", "@resvg/resvg-js@2.6.2")
AVATARS_OF_A_STYLE = 90


@dataclass(frozen=True)
class PackagedDrawing:
    """One drawing of a package. `closed`: with its eyes closed; `mouths`: with other mouths; of the same size."""

    path: Path
    category: str
    words: tuple[str, ...]
    closed: Path | None = None
    mouths: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Source:
    """`package` is the name by which it is fetched."""

    name: str
    package: str
    licence: str
    authors: str


SOURCES: dict[str, Source] = {
    "openclipart": Source(
        "openclipart", "Debian: openclipart-png", "public domain dedication", "the artists of openclipart.org"
    ),
    "avatars": Source(
        "avatars",
        "npm: " + ", ".join(NPM_PACKAGES[:2]),
        "code MIT; designs CC0 1.0 (Lorelei, Notionists, Open Peeps) and CC BY 4.0 (the others)",
        "Lisa Wischofsky (Adventurer, Lorelei), The Visual Team (Big Ears), Ashley Seo (Big Smile), vijay verma (Croodles), Natalia Spivak "
        "(Dylan), Micah Lanier (Micah), Webpixels (Miniavs), Zoish (Notionists), Pablo Stanley (Open Peeps), Draftbit (Personas), "
        "Johan Melin (ToonHead)",
    ),
}


def drawings_of_source(source: Source, cache: Path) -> Iterator[PackagedDrawing]:
    """All that may train, in the order of their names; what must be fetched goes to `cache`. ValueError with what to install."""
    if source.name == "openclipart":
        yield from clip_art(_OPENCLIPART)
    else:
        yield from avatars(cache)


def clip_art(folder: Path) -> Iterator[PackagedDrawing]:
    if not folder.is_dir():
        raise ValueError("openclipart: not installed; run: apt-get install openclipart-png")
    for path in sorted(folder.rglob("*.png")):
        category = path.parent.relative_to(folder).as_posix()
        if not category.startswith(_LEFT_OUT):
            yield PackagedDrawing(path, category, words_of(path.stem))


def words_of(name: str) -> tuple[str, ...]:
    """The first words of a file's name that are no numbers."""
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if len(word) > 2]
    return tuple(words[:3])


def avatars(cache: Path) -> Iterator[PackagedDrawing]:
    """Drawn by a script of node's on the packages of npm, both fetched into `cache` when they are not there."""
    out = cache / "avatars"
    if not (out / "done").exists():
        draw_avatars(cache, out)
    for path in sorted(out.glob("*_[0-9][0-9][0-9].png")):
        closed = path.with_name(f"{path.stem}_closed.png")
        mouths = tuple(sorted(path.parent.glob(f"{path.stem}_mouth*.png")))
        style = path.stem.partition("_")[0]
        yield PackagedDrawing(
            path, f"avatars/{style}", ("face",), closed if closed.exists() else None, mouths
        )


def draw_avatars(cache: Path, out: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise ValueError(
            "avatars: Node is not installed; install nodejs and npm, or leave avatars out of --sources"
        )
    cache.mkdir(parents=True, exist_ok=True)
    script = Path(shutil.copy(_AVATARS, cache))
    for command in (
        [npm, "install", "--no-save", "--silent", *NPM_PACKAGES],
        [node, script.name, str(out.resolve()), str(AVATARS_OF_A_STYLE)],
    ):
        done = subprocess.run(command, cwd=cache, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise ValueError(
                f"avatars: {Path(command[0]).name} failed: {said[-1] if said else done.returncode}"
            )
    (out / "done").touch()
