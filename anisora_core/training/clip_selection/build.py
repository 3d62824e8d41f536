"""A folder of raw episodes made into a folder of clips that training reads, with a manifest of every clip that was dropped and why.

Each episode has a record beside the result (`anisora_output/build`), written when it is done. A build that was stopped goes on with the next
episode; one that is repeated finds all records and changes nothing. What is kept and the manifest follow from the records alone, in the order of their names.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from ...data.motion_score import motion_score
from ...data.training_folder import OUTPUT_FOLDER, Problem, files_under
from ...domain.atomic_write import write_beside
from ...domain.json_text import read_json
from ...evaluation.metrics.cadence import drawing_rate, held_frames
from ...evaluation.metrics.motion_amount import speed
from ...media.resize import resized_pixels, shrunk_size
from ...media.unreadable import Unreadable
from ...media.video import VIDEOS, timed_frames, upright_pixels, write_mp4
from .clip_scores import clip_hash, flashes, looks_alike, median_blur, picture_box
from .scene_cuts import CutSettings, find_cuts

MANIFEST = "manifest.json"
#: Pairs of frames, spread over a clip, whose optical flow makes its motion score, and the shorter side at which it is measured.
_PAIRS, _FLOW_SIDE = 16, 192
#: Called with what is done and how many of how many episodes are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class BuildSettings:
    """Seconds from AniSora's paper, section 3 (2 to 20); other limits are ours. `side`: shorter side of the clips at most, in pixels.
    `least_picture`: share of the frame inside black borders; `most_held`: share of frames that repeat the one before; `most_blur`: `clip_scores.median_blur`, where
    scanned film has 0.55 to 0.6, drawn clips 0.35 to 0.45, and either behind a Gaussian of 3 pixels 0.76; `similar_bits`: of 64, up to which two clips look alike.
    """

    min_seconds: float = 2.0
    max_seconds: float = 20.0
    side: int = 480
    content: float = 27.0
    adaptive: float = 3.0
    least_picture: float = 0.4
    most_held: float = 0.97
    most_blur: float = 0.7
    similar_bits: int = 6

    def __post_init__(self) -> None:
        if not 0 < self.min_seconds <= self.max_seconds:
            raise ValueError(
                f"clips of {self.min_seconds} to {self.max_seconds} seconds: give a minimum above 0 and a maximum not below it"
            )
        if self.side < 64 or self.side % 2:
            raise ValueError(f"side {self.side}: give an even number of pixels, 64 or more")


@dataclass(frozen=True)
class BuildReport:
    """Paths of clips are names in the output folder."""

    kept: tuple[str, ...]
    dropped: dict[str, str]
    unreadable: dict[str, str]
    seconds_kept: float


def build_clips(
    raw: Path,
    out: Path,
    settings: BuildSettings = BuildSettings(),
    progress: Progress = lambda *_: None,
    *,
    workers: int = 1,
) -> BuildReport:
    """Makes `out` of the videos under `raw`, in so many processes, which does not change the result. ValueError when there is no video, or when one folder
    lies in the other."""
    sources = _sources(raw, out)
    folder = out / OUTPUT_FOLDER / "build"
    before = {path: _known(path) for path in sorted(folder.glob("*.json"))} if folder.is_dir() else {}
    by_content: dict[str, str] = {}
    jobs: list[_Job] = []
    copies: list[dict[str, Any]] = []
    for path in sources:
        name, content = path.relative_to(raw).as_posix(), _digest(path)
        if content in by_content:
            problem = f"is the same file as {by_content[content]!r}"
            copies.append({"source": name, "problem": problem, "clips": []})
        else:
            by_content[content] = name
            jobs.append(_Job(path, name, content, out, settings, before.get(folder / f"{content}.json")))
    records = sorted([*_done(jobs, workers, progress), *copies], key=lambda record: record["source"])
    _drop_alike(records, settings.similar_bits)
    for record in records:
        _complete(record, raw, out, settings)
    wanted = {clip["name"] for record in records for clip in record["clips"] if not clip["dropped"]}
    current = {folder / f"{content}.json" for content in by_content}
    for path in before.keys() - current:
        path.unlink()
    made = [*before.values(), *records]
    for name in {clip["name"] for record in made if record for clip in record["clips"]} - wanted:
        (out / f"{name}.mp4").unlink(missing_ok=True)
    report = _report(records)
    _write_json(
        out / MANIFEST,
        {"version": 1, "settings": asdict(settings), "sources": [_without_hashes(r) for r in records]},
    )
    progress("done", len(sources), len(sources))
    return report


def _sources(raw: Path, out: Path) -> list[Path]:
    if not raw.is_dir():
        raise ValueError(f"{str(raw)!r} is not a folder; give one with videos")
    one, other = raw.resolve(), out.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise ValueError(f"{str(out)!r} and {str(raw)!r} lie in each other; give an output folder of its own")
    problems: list[Problem] = []
    found = [path for path in files_under(raw, problems) if path.suffix.lower() in VIDEOS]
    if not found:
        raise ValueError(f"{str(raw)!r} has no video; give a folder of MP4, MKV, MOV, AVI or WebM files")
    return sorted(found, key=lambda path: path.relative_to(raw).as_posix())


@dataclass(frozen=True)
class _Job:
    """An episode, and what is known of it from an earlier build."""

    path: Path
    name: str
    content: str
    out: Path
    settings: BuildSettings
    known: dict[str, Any] | None


def _done(jobs: Sequence[_Job], workers: int, progress: Progress) -> Iterator[dict[str, Any]]:
    """The records, in the order of the jobs."""
    if workers == 1:
        for number, job in enumerate(jobs):
            progress(job.name, number, len(jobs))
            yield _record(job)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        for number, record in enumerate(pool.map(_record, jobs)):
            progress(record["source"], number + 1, len(jobs) + 1)
            yield record
    finally:  # interrupted, it does not begin the episodes that wait
        pool.shutdown(cancel_futures=True)


def _record(job: _Job) -> dict[str, Any]:
    """The record of an episode: the known one where settings and its own clips are still there, else a new one."""
    path, name, content = job.path, job.name, job.content
    out, settings, known = job.out, job.settings, job.known
    record_path = out / OUTPUT_FOLDER / "build" / f"{content}.json"
    if known and known["settings"] == asdict(settings):
        lost = [
            c
            for c in known["clips"]
            if not c["dropped"] and not c["alike"] and not (out / f"{c['name']}.mp4").is_file()
        ]
        if not lost:
            return known | {"source": name}
    record: dict[str, Any] = {
        "source": name,
        "content": content,
        "settings": asdict(settings),
        "problem": "",
        "clips": [],
    }
    try:
        record["clips"] = list(_select(path, content, out, settings))
    except Unreadable as error:
        record["problem"] = error.what
    _write_json(record_path, record)
    return record


def _complete(record: dict[str, Any], raw: Path, out: Path, settings: BuildSettings) -> None:
    """Keeps what was decided in the record; writes again the clips that are kept now and are not there, as their earlier twin is gone."""
    if not record.get("content"):
        return
    if any(not clip["dropped"] and not (out / f"{clip['name']}.mp4").is_file() for clip in record["clips"]):
        list(_select(raw / record["source"], record["content"], out, settings))
    path = out / OUTPUT_FOLDER / "build" / f"{record['content']}.json"
    if _known(path) != record:
        _write_json(path, record)


def _select(path: Path, content: str, out: Path, settings: BuildSettings) -> Iterator[dict[str, Any]]:
    """Cuts first, then the frames once more, clip by clip: memory holds one clip."""
    times: list[float] = []
    cuts = list(
        find_cuts(
            _small_frames(path, times), _usual_rate(path), CutSettings(settings.content, settings.adaptive)
        )
    )
    count, fps = len(times), len(times) / max(times[-1], 1e-6)
    pieces = [piece for shot in _shots(cuts, count) for piece in _pieces(*shot, fps, settings.max_seconds)]
    frames = enumerate(timed_frames(path))
    for start, end in pieces:
        name = f"{path.stem[:80]}_{content[:6]}_{start:06d}"
        facts: dict[str, Any] = {
            "name": name,
            "frames": [start, end],
            "seconds": round((end - start) / fps, 3),
            "fps": round(fps, 3),
        }
        if (end - start) / fps < settings.min_seconds:
            yield facts | {
                "dropped": f"shorter than {settings.min_seconds:g} s",
                "alike": "",
                "scores": {},
                "hash": "",
            }
            continue
        clip: list[np.ndarray] = []
        for number, (_, _, frame) in frames:
            if number >= start:
                clip.append(_at_most(upright_pixels(frame), settings.side))
            if number == end - 1:
                break
        yield facts | _judged(np.stack(clip), fps, out / f"{name}.mp4", settings)


def _small_frames(path: Path, times: list[float]) -> Iterator[np.ndarray]:
    for _, end, frame in timed_frames(path):
        times.append(end)
        yield _at_most(upright_pixels(frame), 240)


def _usual_rate(path: Path) -> float:
    """From the first frames."""
    for number, (_, end, _) in enumerate(timed_frames(path), 1):
        if number == 24:
            return number / max(end, 1e-3)
    return 24.0


def _at_most(picture_HWC: np.ndarray, side: int) -> np.ndarray:
    """uint8 RGB whose shorter side has at most so many pixels, both even."""
    height, width = picture_HWC.shape[:2]
    return resized_pixels(np.ascontiguousarray(picture_HWC), shrunk_size((height, width), side, multiple=2))


def _shots(cuts: Sequence[int], count: int) -> list[tuple[int, int]]:
    ends = [0, *cuts, count]
    return [(a, b) for a, b in itertools.pairwise(ends) if b > a]


def _pieces(start: int, end: int, fps: float, max_seconds: float) -> list[tuple[int, int]]:
    """Equal parts of a shot, none longer than allowed."""
    parts = max(1, math.ceil((end - start) / fps / max_seconds - 1e-6))
    ends = [start + round((end - start) * part / parts) for part in range(parts + 1)]
    return list(itertools.pairwise(ends))


def _judged(frames_FHWC: np.ndarray, fps: float, path: Path, settings: BuildSettings) -> dict[str, Any]:
    """Scores and the reason to drop the clip; one that is kept is written."""
    height, width = frames_FHWC.shape[1:3]
    box = picture_box(frames_FHWC)
    clip = frames_FHWC[:, box.top : box.bottom, box.left : box.right]
    held = held_frames(clip)
    bright = flashes(clip, fps)
    scores = {
        "picture": round(box.share(height, width), 4),
        "held": round(float(held.mean()) if len(held) else 1.0, 4),
        "drawings_per_second": round(drawing_rate(held, fps), 3),
        "flashes": len(bright),
        "blur": round(median_blur(clip), 4),
        "motion_score": round(_motion(clip, fps), 3),
    }
    reason = _reason(scores, bright, settings)
    if not reason:
        write_mp4(clip, path, fps)
    facts = {"box": [box.left, box.top, box.right, box.bottom], "size": f"{clip.shape[2]}x{clip.shape[1]}"}
    hashed = np.packbits(clip_hash(clip), axis=1).tobytes().hex()
    return facts | {"dropped": reason, "alike": "", "scores": scores, "hash": hashed}


def _reason(scores: dict[str, float], bright: Sequence[int], settings: BuildSettings) -> str:
    """Why a clip is dropped, "" to keep it."""
    if scores["picture"] < settings.least_picture:
        return f"the picture fills {100 * scores['picture']:.0f} % of the frame"
    if scores["held"] > settings.most_held:
        return "still: nothing moves"
    if bright:
        return f"flashes at frame {', '.join(map(str, bright[:5]))}"
    if scores["blur"] > settings.most_blur:
        return f"blurred: {scores['blur']:.2f} of 1"
    return ""


def _motion(frames_FHWC: np.ndarray, fps: float) -> float:
    """On the scale of AniSora's prompts."""
    chosen = np.linspace(0, len(frames_FHWC) - 2, min(_PAIRS, len(frames_FHWC) - 1)).round().astype(int)
    small = {at: _at_most(frames_FHWC[at], _FLOW_SIDE) for at in sorted({*chosen, *(chosen + 1)})}
    heights = [
        float(speed(np.stack([small[at], small[at + 1]])).mean()) / small[at].shape[0] for at in chosen
    ]
    return motion_score(float(np.mean(heights)) * fps)


def _drop_alike(records: Sequence[dict[str, Any]], bits: int) -> None:
    """Marks each clip that looks like an earlier one that is kept, in all episodes."""
    kept: list[tuple[str, np.ndarray]] = []
    for record in records:
        for clip in record["clips"]:
            if clip["dropped"] and not clip["alike"]:
                continue
            hashed = (
                np.unpackbits(np.frombuffer(bytes.fromhex(clip["hash"]), np.uint8))
                .reshape(3, 64)
                .astype(bool)
            )
            like = next((name for name, other in kept if looks_alike(hashed, other, bits)), "")
            clip["alike"], clip["dropped"] = like, f"looks like {like}" if like else ""
            if not like:
                kept.append((clip["name"], hashed))


def _report(records: Sequence[dict[str, Any]]) -> BuildReport:
    clips = [clip for record in records for clip in record["clips"]]
    kept = [clip for clip in clips if not clip["dropped"]]
    return BuildReport(
        kept=tuple(clip["name"] for clip in kept),
        dropped={clip["name"]: clip["dropped"] for clip in clips if clip["dropped"]},
        unreadable={record["source"]: record["problem"] for record in records if record["problem"]},
        seconds_kept=sum(clip["seconds"] for clip in kept),
    )


def _without_hashes(record: dict[str, Any]) -> dict[str, Any]:
    clips = [
        {key: value for key, value in clip.items() if key not in ("hash", "alike")}
        for clip in record["clips"]
    ]
    return {"source": record["source"], "problem": record["problem"], "clips": clips}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _known(path: Path) -> dict[str, Any] | None:
    """None for a record that is damaged or of another version: it is made again."""
    try:
        found = read_json(path)
        whole = {"source", "content", "settings", "problem"} <= set(found) and all(
            {"name", "dropped", "alike", "hash", "seconds"} <= set(clip)
            and Path(clip["name"]).name == clip["name"]
            for clip in found["clips"]
        )
    except (ValueError, TypeError, KeyError):
        return None
    return found if whole else None


def _write_json(path: Path, value: Any) -> None:
    with write_beside(path) as part:
        part.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
