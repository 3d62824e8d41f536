"""Which examples a folder of drawings gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...data.buckets import assign
from ...data.training_folder import FolderReport, Item, TrainingFolder, report
from ...media.frames import frames_within
from .examples import Example, Kind
from .recipe import Recipe


def buckets_of(folder: TrainingFolder, recipe: Recipe) -> dict[tuple[int, int], list[Item]]:
    """ValueError when nothing is large enough."""
    kept = 1.0 - recipe.cut
    items = [
        replace(item, height=int(item.height * kept), width=int(item.width * kept))
        if recipe.cut and item.num_frames > 1
        else item
        for item in folder.items
    ]
    return assign(items, recipe.pixels, recipe.model.grid.size_multiple)


def report_of(folder: TrainingFolder, recipe: Recipe) -> FolderReport:
    """What an artist should know before training. ValueError when nothing is large enough."""
    return report(folder, buckets_of(folder, recipe), max_pixels=recipe.pixels)


def examples_of(folder: TrainingFolder, recipe: Recipe) -> list[Example]:
    """ValueError when nothing is large enough, or there is nothing to learn from."""
    lengths = recipe.lengths
    found = [
        Example(
            item,
            kind,
            size,
            length_of(item, kind, lengths[variant % len(lengths)], recipe),
            variant,
            recipe.rate,
            recipe.cut if item.num_frames > 1 else 0.0,
            recipe.self_guide and kind == "still",
        )
        for size, item, kind, variant in variants_of(buckets_of(folder, recipe), recipe)
    ]
    if not found:
        wanted = recipe.task if recipe.task == "motion area" else "style with still_share 0 and no moves"
        raise ValueError(f"images: {folder.root} has no clips, which task {wanted} learns from; add videos")
    return found


def variants_of(
    buckets: dict[tuple[int, int], list[Item]], recipe: Recipe
) -> Iterator[tuple[tuple[int, int], Item, Kind, int]]:
    """(size, item, kind, variant). `num_moves` are shared out evenly, in an order without meaning."""
    shared: list[tuple[tuple[int, int], Item, Kind]] = []
    for size, items in buckets.items():
        for item in items:
            for kind in uses_of(item, recipe):
                if kind == "move" and recipe.num_moves:
                    shared.append((size, item, kind))
                else:
                    for variant in range(recipe.variants):
                        yield size, item, kind, variant
    shared.sort(key=lambda place: place[1].content)
    for number in range(recipe.num_moves if shared else 0):
        variant, turn = divmod(number, len(shared))
        yield *shared[turn], variant


def uses_of(item: Item, recipe: Recipe) -> Iterator[Kind]:
    """A drawing is a still and is moved, a clip is what it is."""
    if recipe.task == "motion area":
        if item.num_frames > 1:
            yield "area"
    elif item.num_frames > 1:
        yield "clip"
    else:
        if recipe.shares.still:
            yield "still"
        if recipe.moves and recipe.shares.are_moving:
            yield "move"


def length_of(item: Item, kind: Kind, length: int, recipe: Recipe) -> int:
    """Frames of an example; a clip may not last as long as `length`."""
    if kind == "still":
        return 1
    if kind == "move":
        return length
    return recipe.model.grid.longest_within(min(length, frames_within(item.seconds, recipe.rate)))
