"""What `mini` obeys, measured on cartoons it never saw: `python benchmarks/control.py --clips 64 --json`.

Held-out styles and seeds throughout, held-out actions in half of the clips. Results of each clip are kept in
`--work`, so a run can be stopped, resumed and sharded (`--shard 0/2`). Nothing given is pasted back after decode.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.data.cartoons import TEXT_ACTIONS, CartoonClip, make_shot, render
from comfyui_anisora.anisora_core.data.cartoons.motion import CHARACTER_ACTIONS, OBJECT_ACTIONS
from comfyui_anisora.anisora_core.domain.atomic import write_beside
from comfyui_anisora.anisora_core.domain.conditions import MotionArea
from comfyui_anisora.anisora_core.evaluation.actions import (
    ActionClassifier,
    action_features,
    fit_action_classifier,
)
from comfyui_anisora.anisora_core.evaluation.fidelity import Error, error
from comfyui_anisora.anisora_core.evaluation.motion import BASELINES, inside_share, moving_pixels, speed
from comfyui_anisora.anisora_core.generation.components import Components
from comfyui_anisora.anisora_core.generation.loading import ASSETS, load_mini
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.anisora_core.training.held_out import made_from, rebuilt
from publish import add_options, publish
from scipy.ndimage import binary_dilation
from scipy.stats import spearmanr
from unseen_art import ArtClip, area_row, real_clips, show

RELEASE = find_release("mini")
SEED = 700_000
SCORES = (0.5, 1.5, 2.5, 3.5, 5.0)
TEXTS_PER_CLIP = 4
#: Actions that training leaves out.
UNSEEN = {action.name for action in (*CHARACTER_ACTIONS, *OBJECT_ACTIONS) if action.heldout}


class Bench:
    """The model and everything about one clip that several measures share."""

    def __init__(self, folder: Path) -> None:
        self.components: Components = load_mini(folder, torch.bfloat16)

    def make(self, clip: CartoonClip | ArtClip, keys: Sequence[int], **changes: Any) -> np.ndarray:
        return made_from(self.components, RELEASE, clip, keys, **changes)

    def rebuilt(self, clip: CartoonClip | ArtClip) -> np.ndarray:
        return rebuilt(self.components.vae, clip.frames_FHWC)


def held_out(index: int, **choices: Any) -> CartoonClip:
    return render(make_shot(SEED + index, split="heldout", **choices))


def find_clip(index: int, wanted: str) -> CartoonClip:
    """The first clip from `index`'s own seeds that is of the `wanted` kind and moves enough to measure."""
    for attempt in range(50):
        clip = held_out(index * 50 + attempt, camera="still" if wanted == "area" else None)
        fits = {
            "determined": clip.determined,
            "free": not clip.determined,
            "area": clip.moving_FHW.any(0).mean() < 0.6,
        }
        if fits[wanted] and clip.motion_score >= 1.0:
            return clip
    raise ValueError(f"no {wanted} clip near seed {index}")


def pair(value: Error) -> list[float]:
    return [value.total, value.count]


def between(bench: Bench, clip: CartoonClip | ArtClip) -> dict[str, Any]:
    """Two keyframes and four, against the baselines, over truly moving pixels of frames unseen in both."""
    truth, last = clip.frames_FHWC, len(clip.frames_FHWC) - 1
    four = [0, last // 3, 2 * last // 3 + 1, last]
    unseen = [f for f in range(last + 1) if f not in four]
    where = clip.moving_FHW[unseen] | clip.moving_FHW[[f - 1 for f in unseen]]
    made, made_four, rebuilt = bench.make(clip, [0, last]), bench.make(clip, four), bench.rebuilt(clip)
    rows = {name: make(truth[0], truth[-1], last + 1) for name, make in BASELINES.items()}
    errors = {name: error(row[unseen], truth[unseen], where) for name, row in rows.items()}
    errors |= {
        "two": error(made[unseen], truth[unseen], where),
        "four": error(made_four[unseen], truth[unseen], where),
    }
    errors |= {"vae": error(rebuilt, truth)}
    errors |= {
        "keys": error(made[[0, last]], truth[[0, last]]),
        "vae_keys": error(rebuilt[[0, last]], truth[[0, last]]),
    }
    return {name: pair(value) for name, value in errors.items()}


def areas(bench: Bench, clip: CartoonClip) -> dict[str, Any]:
    """Each way of the motion area against none: precision, recall, and what stays still."""
    area = binary_dilation(clip.moving_FHW.any(0), iterations=4)
    true_motion = moving_pixels(clip.frames_FHWC)[:, area].sum()
    rebuilt = bench.rebuilt(clip)
    outside = np.broadcast_to(~area, clip.moving_FHW.shape)
    first = np.broadcast_to(clip.frames_FHWC[:1], clip.frames_FHWC.shape)
    row: dict[str, Any] = {
        "vae_static": pair(error(rebuilt, first, outside)),
        "truth_precision": inside_share(moving_pixels(clip.frames_FHWC), area),
        "vae_precision": inside_share(moving_pixels(rebuilt), area),
    }
    for way in ("condition", "hold", "without"):
        mask = torch.from_numpy(area)[None].float()
        chosen = {} if way == "without" else {"motion_area": MotionArea(mask, way)}
        made = bench.make(clip, [0], **chosen)
        moving = moving_pixels(made)
        row[way] = {
            "precision": inside_share(moving, area),
            "recall": float(min(1.0, moving[:, area].sum() / max(1, true_motion))),
            "static": pair(error(made, first, outside)),
        }
    return row


def motion_scores(bench: Bench, index: int) -> dict[str, Any]:
    """Same first frame, several scores asked for: rank correlation with the motion measured."""
    clip = held_out(
        index * 50,
        kind="character",
        action="walk" if index % 2 else "raise",
        camera="still",
        start_at_rest=True,
    )
    made = [bench.make(clip, [0], motion_score=score) for score in SCORES]
    measured = [float((speed(frames) * moving_pixels(frames)).mean()) for frames in made]
    return {"spearman": float(spearmanr(SCORES, measured).statistic), "measured": measured}


def texts(bench: Bench, index: int, judge: ActionClassifier) -> dict[str, Any]:
    """Same first frame, another action or direction in the text: is it what happens?"""
    right = []
    for number in range(TEXTS_PER_CLIP):
        wanted = (index * TEXTS_PER_CLIP + number) % len(TEXT_ACTIONS)
        clip = text_clip(index, wanted, "heldout")
        made = bench.make(clip, [0])
        right.append(bool(judge.predict(action_features(made)[None])[0] == wanted))
    return {"right": right}


def text_clip(index: int, wanted: int, split: Any) -> CartoonClip:
    action, direction = TEXT_ACTIONS[wanted]
    rng = np.random.default_rng((SEED, index, wanted))
    shot = make_shot(
        SEED + index, split=split, kind="character", action=action, direction=direction,
        amplitude=float(rng.uniform(0.6, 1.0)), start_at_rest=True,
    )  # fmt: skip
    return render(shot)


def train_judge(work: Path, clips: int = 800) -> tuple[ActionClassifier, float]:
    """Trained on true clips of the training styles; right on this share of true clips in held-out styles.

    The clips' features take minutes and stay in `work`.
    """

    def table(count: int, split: str, start: int) -> np.ndarray:
        classes = len(TEXT_ACTIONS)
        return np.stack(
            [action_features(text_clip(start + i, i % classes, split).frames_FHWC) for i in range(count)]
        )

    path = work / "judge.npz"
    if not path.exists():
        seen, unseen = table(clips, "train", 20_000), table(clips // 4, "heldout", 40_000)
        with write_beside(path) as part, part.open("wb") as file:
            np.savez(file, seen=seen, unseen=unseen)
    tables = np.load(path)
    labels = np.arange(len(tables["seen"])) % len(TEXT_ACTIONS)
    judge = fit_action_classifier(tables["seen"], labels)
    return judge, float((judge.predict(tables["unseen"]) == labels[: len(tables["unseen"])]).mean())


def measure(bench: Bench, index: int, judge: ActionClassifier) -> dict[str, Any]:
    since = time.monotonic()
    determined = find_clip(index, "determined")
    row = {
        "determined": between(bench, determined),
        "action": determined.action,
        "free": between(bench, find_clip(index, "free")) if index % 4 == 0 else None,
        "areas": areas(bench, find_clip(index, "area")),
        "scores": motion_scores(bench, index),
        "texts": texts(bench, index, judge),
    }
    return {**row, "seconds": time.monotonic() - since}


def pooled(rows: Sequence[dict[str, Any]], kind: str) -> dict[str, float]:
    found = [row[kind] for row in rows if row[kind]]
    return (
        {name: sum((Error(*row[name]) for row in found), Error()).psnr for name in found[0]} if found else {}
    )


def gain(psnr: dict[str, float]) -> float:
    """nan over no clips."""
    return psnr["two"] - max(psnr[name] for name in BASELINES) if psnr else float("nan")


def spread(values: Sequence[float]) -> dict[str, float]:
    kept = np.array([v for v in values if np.isfinite(v)])
    low, middle, high = np.percentile(kept, [10, 50, 90]) if len(kept) else (np.nan,) * 3
    return {
        "p10": round(float(low), 4),
        "p50": round(float(middle), 4),
        "p90": round(float(high), 4),
        "n": len(kept),
    }


def per_clip_gain(row: dict[str, Any]) -> float:
    return gain({name: Error(*row["determined"][name]).psnr for name in ("two", *BASELINES)})


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The acceptance keys; `*_spread` beside them over clips."""
    determined, free = pooled(rows, "determined"), pooled(rows, "free")
    seen = [row for row in rows if row["action"] not in UNSEEN]
    unseen = [row for row in rows if row["action"] in UNSEEN]
    right = [r for row in rows for r in row["texts"]["right"]]
    spearman = [row["scores"]["spearman"] for row in rows]
    out: dict[str, Any] = {
        "vae_psnr": determined["vae"],
        "keyframe_gap_db": determined["vae_keys"] - determined["keys"],
        "inbetween_gain_db": gain(determined),
        "inbetween_gain_free_db": gain(free),
        "inbetween_gain_seen_db": gain(pooled(seen, "determined")),
        "inbetween_gain_unseen_db": gain(pooled(unseen, "determined")),
        "inbetween_gain_db_spread": spread([per_clip_gain(row) for row in rows]),
        "inbetween_psnr": {name: round(determined[name], 2) for name in ("two", "four", *BASELINES)},
        "four_vs_two_db": determined["four"] - determined["two"],
        "motion_spearman": float(np.nanmean(spearman)),
        "motion_spearman_spread": spread(spearman),
        "text_obeyed": float(np.mean(right)),
        "text_chance": 1.0 / len(TEXT_ACTIONS),
        "text_n": len(right),
    }
    vae_static = sum((Error(*row["areas"]["vae_static"]) for row in rows), Error()).psnr
    for name in ("truth", "vae"):  # what a perfect model would get: shows a measure that fails
        out[f"mask_precision_of_{name}"] = float(
            np.nanmean([row["areas"][f"{name}_precision"] for row in rows])
        )
    for way in ("condition", "hold", "without"):
        found = [row["areas"][way] for row in rows]
        suffix = "_without" if way == "without" else f"_{way}"
        out["mask_precision" + suffix] = float(np.nanmean([f["precision"] for f in found]))
        out["mask_recall" + suffix] = float(np.mean([f["recall"] for f in found]))
        out["static_gap_db" + suffix] = vae_static - sum((Error(*f["static"]) for f in found), Error()).psnr
        out["mask_precision" + suffix + "_spread"] = spread([f["precision"] for f in found])
    for key in ("mask_precision", "mask_recall", "static_gap_db"):
        out[key] = out[f"{key}_{RELEASE.motion_way}"]
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in out.items()}


def art_summary(
    bench: Bench, folder: Path, shown: Path, out: Path, drawings: int, per_file: int
) -> dict[str, Any]:
    """No bar: art and animation that training never saw."""
    clips = real_clips(folder, RELEASE.fps, per_file)
    if not clips:
        raise ValueError(
            f"--art {folder}: no clip with 33 frames of one moving shot; put .mp4 or .apng files there"
        )
    rows = [{"determined": between(bench, clip)} for clip in clips]
    area = [area_row(bench, clip) for clip in clips]
    moved = [row["precision"] for row in area if np.isfinite(row["precision"])]
    psnr = pooled(rows, "determined")
    return {
        "art_clips": [clip.name for clip in clips],
        "art_vae_psnr": round(psnr["vae"], 2),
        "art_vae_psnr_spread": spread([Error(*row["determined"]["vae"]).psnr for row in rows]),
        "art_inbetween_gain_db": round(gain(psnr), 2),
        "art_inbetween_psnr": {name: round(psnr[name], 2) for name in ("two", "four", *BASELINES)},
        "art_mask_precision": round(float(np.mean(moved)), 4) if moved else None,
        "art_mask_n": len(moved),
        "art_mask_area": round(float(np.mean([row["area"] for row in area])), 4),
        "art_sheets": [path.name for path in show(bench, shown, drawings, out)],
    }


def settings() -> dict[str, Any]:
    """Of the release, with which all is made."""
    named = {
        "cfg": RELEASE.cfg_scale,
        "guidance": RELEASE.guidance,
        "shift": RELEASE.shift,
        "sampler": RELEASE.sampler,
    }
    return {"steps": RELEASE.steps, **named, "size": RELEASE.size, "frames": RELEASE.num_frames}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini", help="mini, or a folder made by `anisora train mini`")
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--shard", default="0/1", help="K/N: only clips K, K + N, ...")
    parser.add_argument("--work", type=Path, default=Path("runs/control"))
    parser.add_argument(
        "--art",
        type=Path,
        help="a folder of clips and drawings: measure on these instead; --save keeps the sheets in docs/pictures",
    )
    parser.add_argument("--drawings", type=int, default=8, help="with --art: drawings on the contact sheet")
    parser.add_argument("--shown", type=Path, help="with --art: take the drawings for the sheet from here")
    parser.add_argument("--per-file", type=int, default=1, help="with --art: shots taken of each clip file")
    add_options(parser)
    options = parser.parse_args()
    bench = Bench(ASSETS / "mini" if options.model == "mini" else Path(options.model))
    if options.art:
        pictures = Path(__file__).parents[1] / "docs" / "pictures" if options.save else options.work
        shown = options.shown or options.art
        result = art_summary(bench, options.art, shown, pictures, options.drawings, options.per_file)
        publish({**result, "settings": settings()}, "art", options)
        return
    options.work.mkdir(parents=True, exist_ok=True)
    judge, judged = train_judge(options.work)
    shard, of = (int(part) for part in options.shard.split("/"))
    for index in range(shard, options.clips, of):
        path = options.work / f"{index:04d}.json"
        if not path.exists():
            with write_beside(path) as part:
                part.write_text(json.dumps(measure(bench, index, judge)))
    rows = [
        json.loads(path.read_text()) for path in sorted(options.work.glob("[0-9]*.json"))[: options.clips]
    ]
    result = {**summary(rows), "clips": len(rows), "text_judge": round(judged, 4)}
    result |= {"seconds_per_clip": round(float(np.mean([row["seconds"] for row in rows])), 1)}
    publish({**result, "settings": settings()}, "control", options)


if __name__ == "__main__":
    main()
