"""One folder for each family of models: configurations, transformer, VAE, names in files, and the object that answers for it.

A folder here that has a `family.py` with a `FAMILY` is all that a new family takes.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ..domain.release import Release
from .interface import BlockMemory, Family, LoraNames, VideoTransformer, VideoVAE

__all__ = [
    "BlockMemory",
    "Family",
    "LoraNames",
    "VideoTransformer",
    "VideoVAE",
    "families",
    "family_of",
    "family_of_network",
    "family_of_parameters",
    "find_family",
]


@cache
def families() -> tuple[Family, ...]:
    """All of them, in the order of lists."""
    folders = [module.name for module in iter_modules(__path__) if module.ispkg]
    found: list[Family] = [import_module(f".{name}.family", __name__).FAMILY for name in folders]
    return tuple(sorted(found, key=lambda family: family.order))


def find_family(name: str) -> Family:
    return next(family for family in families() if family.name == name)


def family_of(release: Release) -> Family:
    return find_family(release.family)


def family_of_network(network: VideoTransformer | VideoVAE) -> Family:
    return next(family for family in families() if isinstance(network, family.transformer | family.vae))


def family_of_parameters(names: Collection[str]) -> Family:
    """That of a transformer whose parameters have these names, which are ours. ValueError for another network's."""
    for family in families():
        if all(name in names for name in family.telling_parameters):
            return family
    known = " or ".join(family.title for family in families())
    raise ValueError(
        f"model: this is not a transformer of {known}; connect the model of AniSora Model Loader"
    )
