"""The releases an artist can pick: the rows of every family's `releases.py`, in one table."""

from __future__ import annotations

from .domain.release import Release
from .families import families

RELEASES: dict[str, Release] = {release.name: release for family in families() for release in family.releases}
#: What is picked until the artist picks: the release that comes with the pack.
DEFAULT_RELEASE = next(release.name for release in RELEASES.values() if release.folder)


def find_release(name: str) -> Release:
    """Raises ValueError listing the known names."""
    if name not in RELEASES:
        raise ValueError(f"unknown release {name!r}; use one of {', '.join(RELEASES)}")
    return RELEASES[name]
