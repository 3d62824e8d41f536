"""Which examples a folder of drawings gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...data.buckets import assign
from ...data.training_folder import FolderReport, Item, TrainingFolder, report
from ...media.frames import frames_within
from .examples import Example
from .recipe import LoraRecipe

Size = tuple[int, int]  # height, width


def buckets_of(folder: TrainingFolder, recipe: LoraRecipe) -> dict[Size, list[Item]]:
    """ValueError when nothing is large enough."""
    cut = recipe.data.cut
    kept = 1.0 - cut
    items = [
        replace(item, height=int(item.height * kept), width=int(item.width * kept))
        if cut and item.num_frames > 1
        else item
        for item in folder.items
    ]
    return assign(items, recipe.pixels, recipe.model.grid.size_multiple)


def report_of(folder: TrainingFolder, recipe: LoraRecipe) -> FolderReport:
    """What an artist should know before training. ValueError when nothing is large enough."""
    return report(folder, buckets_of(folder, recipe), max_pixels=recipe.pixels)


def examples_of(folder: TrainingFolder, recipe: LoraRecipe) -> list[Example]:
    """ValueError when nothing is large enough, or there is nothing to learn from."""
    lengths, data = recipe.lengths, recipe.data
    found = [
        Example(
            item,
            kind,
            size,
            length_of(item, kind, lengths[variant % len(lengths)], recipe),
            variant,
            recipe.fps,
            data.cut if item.num_frames > 1 else 0.0,
            data.self_guide and kind == "still",
        )
        for size, item, kind, variant in variants_of(buckets_of(folder, recipe), recipe)
    ]
    if not found:
        needs = recipe.strategy.needs
        raise ValueError(f"images: {folder.root} has no clips, which task {needs} learns from; add videos")
    return found


def variants_of(buckets: dict[Size, list[Item]], recipe: LoraRecipe) -> Iterator[tuple[Size, Item, str, int]]:
    """(size, item, kind, variant). `num_moves` are shared out evenly, in an order without meaning."""
    shared: list[tuple[Size, Item, str]] = []
    for size, items in buckets.items():
        for item in items:
            for kind in recipe.strategy.kinds_of(item, recipe):
                if kind == "move" and recipe.data.num_moves:
                    shared.append((size, item, kind))
                else:
                    for variant in range(recipe.data.variants):
                        yield size, item, kind, variant
    shared.sort(key=lambda place: place[1].content)
    for number in range(recipe.data.num_moves if shared else 0):
        variant, turn = divmod(number, len(shared))
        yield *shared[turn], variant


def length_of(item: Item, kind: str, length: int, recipe: LoraRecipe) -> int:
    """Frames of an example; a clip may not last as long as `length`."""
    if kind == "still":
        return 1
    if item.num_frames == 1:
        return length
    return recipe.model.grid.longest_within(min(length, frames_within(item.seconds, recipe.fps)))
