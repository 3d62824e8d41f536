"""A report card as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from .bootstrap import Estimate
from .card import ReportCard
from .card_page import number


def table_of(card: ReportCard) -> Iterator[str]:
    """Aligned lines: a measure a line, a column for each run, with the ends of its 95 % interval."""
    wide = 34
    yield f"{'':{wide}}" + "".join(f"{run.name[:28]:30}" for run in card.runs)
    yield f"{'valid samples':{wide}}" + "".join(
        f"{f'{100 * run.valid_sample_ratio:.0f} %':30}" for run in card.runs
    )
    for name in card.measured:
        measure = card.measures[name]
        title = f"{measure.title}{f' ({measure.unit})' if measure.unit else ''}{ {'higher': ' ↑', 'lower': ' ↓'}.get(measure.better, '') }"
        yield f"{title:{wide}}" + "".join(f"{shown(run.summary(name)):30}" for run in card.runs)
    for name in sorted({name for run in card.runs for name in run.of_all}):
        yield f"{name:{wide}}" + "".join(
            f"{number(run.of_all[name]) if name in run.of_all else '':30}" for run in card.runs
        )
    for run in card.runs:
        yield from (f"{run.name}, {clip.name}: {clip.problem}" for clip in run.clips if clip.problem)
        yield from (f"{run.name}: {remark}" for remark in run.remarks.values())
    for name, reason in card.not_measured.items():
        yield f"not measured: {card.measures[name].title if name in card.measures else name}, {reason}"


def shown(found: Estimate | None) -> str:
    return f"{number(found.mean)} ({number(found.low)} to {number(found.high)})" if found else ""
