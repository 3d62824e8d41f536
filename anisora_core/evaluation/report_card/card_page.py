"""A report card as one HTML page, which needs no network and runs no script but its own; everything that it shows is escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from ..report import machine
from .bootstrap import Estimate, difference
from .card import MeasuredRun, MeasuredSubject, ReportCard
from .frame_sheet import FrameSheet
from .measures import Measure
from .published import PUBLISHED, PublishedTable

#: Clips whose frames are in the page; the figures of all are.
MOST_SHOWN = 24
#: Colours that the style has.
_COLOURS = 6
_HERE = Path(__file__).parent


def page_of(card: ReportCard, title: str = "Report card") -> str:
    """The whole file."""
    style, script = (_HERE / "card_page.css").read_text("utf-8"), (_HERE / "card_page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    names = [clip.name for clip in card.runs[0].clips][:MOST_SHOWN]
    sheets = json.dumps(
        {
            key: {"url": s.url, "columns": s.columns, "width": s.width, "height": s.height, "fps": s.fps, "frames": s.frames}
            for key, s in _sheets(card, names)
        }
    ).replace("<", "\\u003c")  # fmt: skip
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    body = "\n".join([*_heading(card, title), *_player(), *_clips(card, names), *_worst(card, names), *_scores(card),
                      *_published(card), *_not_measured(card), *_definitions(card)])  # fmt: skip
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{escape(title)}</title><style>{style}</style></head>\n<body>\n{body}\n'
        f'<script type="application/json" id="sheets">{sheets}</script>\n<script>{script}</script>\n</body></html>\n'
    )


def _sheets(card: ReportCard, names: Sequence[str]) -> Iterator[tuple[str, FrameSheet]]:
    for number, name in enumerate(names):
        for index, run in enumerate(card.runs):
            if "clip" in (found := _clip(run, name).sheets):
                yield _key(number, index), found["clip"]
        if sheet := _reference(card, name):
            yield _key(number, None), sheet


def _key(clip: int, run: int | None) -> str:
    return f"{clip}-{'reference' if run is None else run}"


def _clip(run: MeasuredRun, name: str) -> MeasuredSubject:
    return next(clip for clip in run.clips if clip.name == name)


def _reference(card: ReportCard, name: str) -> FrameSheet | None:
    found = [_clip(run, name).sheets.get("reference") for run in card.runs]
    return next((sheet for sheet in found if sheet), None)


def _run_name(card: ReportCard, index: int) -> str:
    return f'<span class="run r{index % _COLOURS}">{escape(card.runs[index].name)}</span>'


def _heading(card: ReportCard, title: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    for index, run in enumerate(card.runs):
        valid = sum(not clip.problem for clip in run.clips)
        yield (
            f"<p>{_run_name(card, index)}: {valid} of {len(run.clips)} clips could be measured, a valid-sample ratio of "
            f"{100 * run.valid_sample_ratio:.0f} %</p>"
        )
    made_on = ", ".join(f"{name} {value}" for name, value in machine().items())
    yield f'<p class="dim">Measured with {escape(made_on)}</p>'


def _player() -> Iterator[str]:
    rates = "".join(
        f'<option value="{rate}">{text}</option>' for rate, text in ((1, "1x"), (0.5, "1/2x"), (0.25, "1/4x"))
    )
    yield (
        '<nav><button id="play" type="button">Play</button><input id="time" type="range" min="0" max="1000" step="any" value="0" aria-label="Time">'
        f'<output id="clock"></output><select id="rate" aria-label="Speed">{rates}</select></nav>'
    )


def _clips(card: ReportCard, names: Sequence[str]) -> Iterator[str]:
    yield "<h2>Clips</h2>"
    yield '<p class="dim">All play in step. Space plays and stops, the arrow keys step by a frame, a click on a curve goes there.</p>'
    if len(card.runs[0].clips) > len(names):
        yield f'<p class="dim">The first {len(names)} of {len(card.runs[0].clips)} clips; the figures below are of all.</p>'
    for number, name in enumerate(names):
        clips = [_clip(run, name) for run in card.runs]
        prompt = next((clip.prompt for clip in clips if clip.prompt), "")
        facts = next(
            (
                f"{c.num_frames} frames, {c.fps:.4g} per second, {c.size[1]}x{c.size[0]}"
                for c in clips
                if c.num_frames
            ),
            "",
        )
        yield f'<section class="clip" id="clip-{number}"><header><h3>{escape(name)}</h3><span class="dim">{facts}</span><span>{escape(prompt)}</span></header>'
        yield '<div class="views">'
        if sheet := _reference(card, name):
            yield _view(_key(number, None), sheet, '<span class="reference">reference</span>')
        for index, clip in enumerate(clips):
            label = _run_name(card, index)
            if clip.problem:
                yield f'<figure><div class="failed">{escape(clip.problem)}</div><figcaption>{label}</figcaption></figure>'
            else:
                notes = "".join(f'<br><span class="dim">{escape(note)}</span>' for note in clip.notes)
                yield _view(_key(number, index), clip.sheets["clip"], label + notes)
        yield "</div>"
        yield from _curves(card, clips)
        yield "</section>"


def _view(key: str, sheet: FrameSheet, caption: str) -> str:
    return (
        f'<figure><canvas data-sheet="{key}" width="{sheet.width}" height="{sheet.height}"></canvas>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _curves(card: ReportCard, clips: Sequence[MeasuredSubject]) -> Iterator[str]:
    drawn = [_curve(card.measures[name], name, clips) for name in card.measured]
    if any(drawn):
        yield f'<details open><summary>Curves over time</summary><div class="curves">{"".join(drawn)}</div></details>'


def _curve(measure: Measure, name: str, clips: Sequence[MeasuredSubject]) -> str:
    """An SVG of 300 x 60 units, from the first frame to the last; "" for a measure without a curve."""
    readings = [clip.readings.get(name) for clip in clips]
    curves = [None if r is None or r.curve is None else np.asarray(r.curve, float) for r in readings]
    known = [
        curve[np.isfinite(curve)] for curve in curves if curve is not None and np.isfinite(curve).sum() > 1
    ]
    if not known:
        return ""
    low, high = min(c.min() for c in known), max(c.max() for c in known)
    room = max(high - low, 1e-6 * max(1.0, abs(high)))
    lines: list[str] = []
    for index, curve in enumerate(curves):
        if curve is None or len(curve) < 2:
            continue
        points = " ".join(
            f"{300 * at / (len(curve) - 1):.1f},{56 - 52 * (value - low) / room:.1f}"
            for at, value in enumerate(curve)
            if np.isfinite(value)
        )
        lines.append(f'<polyline class="r{index % _COLOURS}" points="{points}"/>')
    seconds = max(clip.num_frames / clip.fps for clip in clips if clip.fps)
    head = f'<line class="head" data-seconds="{seconds:.4f}" x1="0" x2="0" y1="0" y2="60"/>'
    return (
        f'<div class="curve" title="{escape(measure.definition)}">{escape(measure.title)}'
        f'<svg viewBox="0 0 300 60" preserveAspectRatio="none">{"".join(lines)}{head}</svg>'
        f'<div class="ends"><span>{number(low)} to {number(high)} {escape(measure.unit)}</span></div></div>'
    )


def _worst(card: ReportCard, names: Sequence[str]) -> Iterator[str]:
    """For each measure with a better end and a value per frame, the one frame of all shown clips that is worst."""
    figures: list[str] = []
    for measure_name in card.measured:
        measure = card.measures[measure_name]
        if measure.better == "neither":
            continue
        sign = -1.0 if measure.better == "higher" else 1.0
        found = [
            (sign * value, frame, clip, run)
            for run, of in enumerate(card.runs)
            for clip, name in enumerate(names)
            if (reading := _clip(of, name).readings.get(measure_name)) is not None
            and reading.curve is not None
            for frame, value in [_extreme(sign * np.asarray(reading.curve, float), sign)]
        ]
        if found:
            figures.append(_worst_figure(card, measure, max(found, key=lambda row: row[0]), names))
    if figures:
        yield "<h2>Worst frames</h2>"
        yield '<p class="dim">The worst frame of each measure among all clips above; a click goes there.</p>'
        yield f'<div class="worst">{"".join(figures)}</div>'


def _extreme(badness: np.ndarray, sign: float) -> tuple[int, float]:
    """The worst place of a curve and its value; a curve over pairs of frames names the later one."""
    if not np.isfinite(badness).any():
        return 0, -sign * np.inf
    at = int(np.nanargmax(np.where(np.isfinite(badness), badness, -np.inf)))
    return at, float(sign * badness[at])


def _worst_figure(
    card: ReportCard, measure: Measure, worst: tuple[float, int, int, int], names: Sequence[str]
) -> str:
    badness, place, clip, run = worst
    subject = _clip(card.runs[run], names[clip])
    sheet = subject.sheets["clip"]
    name = next(key for key, known in card.measures.items() if known is measure)
    curve = subject.readings[name].curve
    frame = place + (subject.num_frames - len(curve) if curve is not None else 0)
    shown = int(np.abs(np.array(sheet.frames) - frame).argmin())
    value = number(-badness if measure.better == "higher" else badness)
    return (
        f'<figure data-clip="clip-{clip}"><canvas data-sheet="{_key(clip, run)}" data-frame="{shown}" width="{sheet.width}" height="{sheet.height}"></canvas>'
        f"<figcaption>{escape(measure.title)} {value} {escape(measure.unit)}<br>{_run_name(card, run)} "
        f'<span class="dim">{escape(names[clip])}, frame {frame}</span></figcaption></figure>'
    )


def _scores(card: ReportCard) -> Iterator[str]:
    yield "<h2>Scores</h2>"
    yield '<p class="dim">Means over clips with 95 % intervals by bootstrap over clips. Differences are pair by pair from the first run, coloured where the interval leaves out zero.</p>'
    heads = "".join(f"<th>{_run_name(card, index)}</th>" for index in range(len(card.runs)))
    heads += "".join(
        f"<th>{_run_name(card, i)} - {_run_name(card, 0)}</th>" for i in range(1, len(card.runs))
    )
    rows = [
        f"<tr><td>valid samples</td>{''.join(f'<td>{100 * run.valid_sample_ratio:.0f} %</td>' for run in card.runs)}</tr>"
    ]
    for name in card.measured:
        measure = card.measures[name]
        arrow = {"higher": " ↑", "lower": " ↓", "neither": ""}[measure.better]
        unit = f" ({measure.unit})" if measure.unit else ""
        cells = [f"<td>{_cell(run.summary(name))}</td>" for run in card.runs]
        cells += [
            _difference_cell(measure, difference(run.values(name), card.runs[0].values(name)))
            for run in card.runs[1:]
        ]
        rows.append(
            f'<tr><td title="{escape(measure.definition)}">{escape(measure.title + unit + arrow)}</td>{"".join(cells)}</tr>'
        )
    for name in sorted({name for run in card.runs for name in run.held}):
        cells = [f"<td>{_cell(run.held.get(name) or run.summary(name))}</td>" for run in card.runs]
        rows.append(
            f"<tr><td>{escape(card.measures[name].title)}, failures as the held first frame</td>{''.join(cells)}</tr>"
        )
    for name in sorted({name for run in card.runs for name in run.of_all}):
        cells = [
            f"<td>{number(run.of_all[name])}</td>" if name in run.of_all else "<td></td>" for run in card.runs
        ]
        rows.append(f"<tr><td>{escape(name)}</td>{''.join(cells)}</tr>")
    yield f'<div class="tables"><table><thead><tr><th>measure</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    for run in card.runs:
        yield from (f'<p class="dim">{escape(run.name)}: {escape(text)}</p>' for text in run.remarks.values())


def _cell(found: Estimate | None) -> str:
    if found is None:
        return ""
    return f'{number(found.mean)} <span class="interval">{number(found.low)} to {number(found.high)}</span>'


def _difference_cell(measure: Measure, found: Estimate | None) -> str:
    if found is None:
        return "<td></td>"
    sign = np.sign(found.low) if np.sign(found.low) == np.sign(found.high) else 0
    good = sign * {"higher": 1, "lower": -1, "neither": 0}[measure.better]
    kind = {1: "up", -1: "down"}.get(int(good), "")
    return f'<td class="{kind}">{number(found.mean, sign=True)} <span class="interval">{number(found.low, sign=True)} to {number(found.high, sign=True)}</span></td>'


def _published(card: ReportCard) -> Iterator[str]:
    yield "<h2>Figures that others published</h2>"
    yield '<p class="dim">Theirs were measured on other clips with other settings: they show the range, not a ranking. Rows in bold are this report’s own.</p>'
    for table in PUBLISHED:
        yield from _published_table(card, table)


def _published_table(card: ReportCard, table: PublishedTable) -> Iterator[str]:
    heads = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = [
        f'<tr class="theirs"><td>{escape(name)} (theirs)</td>{"".join(f"<td>{escape(value)}</td>" for value in values)}</tr>'
        for name, values in table.rows
    ]
    for run in card.runs:
        cells = [_own(run, name) for name in table.measures]
        if any(cells):
            rows.append(
                f'<tr class="ours"><td>{escape(run.name)}</td>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
            )
    yield (
        f'<div class="tables"><table><caption>{escape(table.title)} <span class="dim">{escape(table.source)}</span></caption>'
        f"<thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _own(run: MeasuredRun, name: str) -> str:
    if name == "valid_sample_ratio":
        return f"{100 * run.valid_sample_ratio:.0f} %"
    found = run.summary(name) if name else None
    return number(found.mean) if found else ""


def _not_measured(card: ReportCard) -> Iterator[str]:
    problems = [(run.name, clip) for run in card.runs for clip in run.clips if clip.problem]
    if problems:
        yield "<h2>Clips that could not be measured</h2><ul>"
        yield from (
            f'<li>{escape(run)}, {escape(clip.name)}: <span class="problem">{escape(clip.problem)}</span></li>'
            for run, clip in problems
        )
        yield "</ul>"
    if card.not_measured:
        yield "<h2>Not measured</h2><ul>"
        titles = {
            name: card.measures[name].title if name in card.measures else name for name in card.not_measured
        }
        yield from (
            f"<li>{escape(titles[name])}: {escape(reason)}</li>" for name, reason in card.not_measured.items()
        )
        yield "</ul>"


def _definitions(card: ReportCard) -> Iterator[str]:
    yield "<h2>Definitions</h2><dl>"
    for name in card.measured:
        yield f"<dt>{escape(card.measures[name].title)}</dt><dd>{escape(card.measures[name].definition)}</dd>"
    yield "</dl>"


def number(value: float, *, sign: bool = False) -> str:
    """Four significant digits."""
    if not np.isfinite(value):
        return "infinite" if np.isinf(value) else ""
    text = f"{value:+.4g}" if sign else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text
