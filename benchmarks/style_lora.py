"""A style LoRA from a folder of drawings, measured: `python benchmarks/style_lora.py [--images DIR] [--json]`.

Trains the preset "quick look" on four of five drawings and compares clips with those it never saw. The same is done in the way of
other trainers, each still being its own guide. docs/style_lora.md says what the figures mean. What was trained is kept in `--work`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.checkpoints.load import load_mini
from comfyui_anisora.anisora_core.checkpoints.lora import read_lora
from comfyui_anisora.anisora_core.data.captions import compose_caption
from comfyui_anisora.anisora_core.data.cartoons import make_shot, render
from comfyui_anisora.anisora_core.data.clips import contact_sheet, to_bytes, to_floats
from comfyui_anisora.anisora_core.data.pictures import fit, read_picture
from comfyui_anisora.anisora_core.data.training_folder import read_training_folder
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Timeline
from comfyui_anisora.anisora_core.evaluation.fidelity import Error, error
from comfyui_anisora.anisora_core.evaluation.motion import speed
from comfyui_anisora.anisora_core.evaluation.style import colour_distance, line_distance
from comfyui_anisora.anisora_core.files import write_beside
from comfyui_anisora.anisora_core.generate import Frames, Request, make_clip
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.anisora_core.sampling import LoraUse
from comfyui_anisora.anisora_core.training.lora.events import Sampled, Stepped
from comfyui_anisora.anisora_core.training.lora.recipe import PRESETS, Recipe
from comfyui_anisora.anisora_core.training.lora.trainer import Place, train_lora
from comfyui_anisora.anisora_core.training.samples import rebuilt
from comfyui_anisora.nodes.host.precision import fast_dtype
from comfyui_anisora.nodes.trainer import BUNDLED_FOLDER
from publish import add_options, publish

RELEASE = find_release("mini")
WIDTH, HEIGHT = RELEASE.size
CPU = torch.device("cpu")
SEED = 720_000
CLIPS = 6


def split(images: Path, work: Path) -> tuple[Path, list[Path], list[Path], str]:
    """(folder of four fifths of the drawings, those, the rest, the words that call the style)."""
    items = read_training_folder(images).items
    folder = work / "drawings"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trained_on = [item for number, item in enumerate(items) if number % 5]
    for item in trained_on:
        shutil.copy(item.path, folder)
        (folder / item.path.name).with_suffix(".txt").write_text(item.caption)
    first_words = {item.caption.split(",")[0] for item in items}
    trigger = first_words.pop() if len(first_words) == 1 else "my style"
    return folder, [item.path for item in trained_on], [item.path for item in items[::5]], trigger


def trained(recipe: Recipe, work: Path) -> dict[str, float]:
    """Seconds in all and until the first sample, peak GB; kept, since training again would go on from the end."""
    facts = work / recipe.name / "facts.json"
    if facts.exists():
        return json.loads(facts.read_text())
    since = time.monotonic()
    place = Place(work, work / recipe.name, {}, CPU, fast_dtype(CPU))
    told: dict[str, float] = {}
    for event in train_lora(recipe, place):
        if isinstance(event, Sampled):
            told.setdefault("first_sample_seconds", round(time.monotonic() - since, 1))
        if isinstance(event, Stepped):
            told["peak_gb"] = round(event.gigabytes, 2)
    told["seconds"] = round(time.monotonic() - since, 1)
    with write_beside(facts) as part:
        part.write_text(json.dumps(told))
    return told


class Bench:
    """The same clips by the base model and with LoRAs."""

    def __init__(self, held_out: Sequence[Path], trigger: str) -> None:
        self.mini, self.trigger = load_mini(dtype=fast_dtype(CPU)), trigger
        self.drawings = pictures(held_out)
        self.shown = self.through_vae(self.drawings)
        self.cartoons = [render(make_shot(SEED + index, split="heldout")) for index in range(CLIPS)]

    def through_vae(self, drawings: np.ndarray) -> np.ndarray:
        """On both sides of what is compared, so that its blur is no part of the style."""
        return np.concatenate([rebuilt(self.mini.vae, drawing[None]) for drawing in drawings])

    def clips(self, loras: tuple[LoraUse, ...] = ()) -> list[np.ndarray]:
        """With words alone."""
        return [self.make(cartoon.caption, cartoon.seed, (), loras) for cartoon in self.cartoons]

    def keyed(self, loras: tuple[LoraUse, ...] = ()) -> list[np.ndarray]:
        """From the held-out drawings."""
        return [
            self.make(cartoon.caption, cartoon.seed, (keyframe(drawing),), loras)
            for cartoon, drawing in zip(self.cartoons, self.drawings, strict=False)
        ]

    def make(
        self, words: str, seed: int, keyframes: tuple[Keyframe, ...], loras: tuple[LoraUse, ...]
    ) -> np.ndarray:
        timeline = Timeline(RELEASE.num_frames, RELEASE.fps, HEIGHT, WIDTH, keyframes)
        if loras and loras[0].strength:  # the base model does not know the words that call the style
            words = compose_caption(words, self.trigger, shuffle=False, keep=1, rng=np.random.default_rng(0))
        request = Request(timeline, prompt=words, seed=seed, loras=loras)
        events = make_clip(self.mini, RELEASE, request)
        return to_bytes(torch.cat([event.frames_FHWC for event in events if isinstance(event, Frames)]))

    def distances(
        self, clips: Sequence[np.ndarray], drawings: np.ndarray | None = None
    ) -> tuple[float, float]:
        """(colours, lines) of all frames."""
        frames = np.concatenate(list(clips))
        style = self.shown if drawings is None else drawings
        return colour_distance(frames, style), line_distance(frames, style)

    def keyframe_error(self, clips: Sequence[np.ndarray]) -> Error:
        pairs = zip(clips, self.drawings, strict=False)
        return sum((error(clip[:1], drawing[None]) for clip, drawing in pairs), Error())


def pictures(paths: Sequence[Path]) -> np.ndarray:
    return np.stack([fit(read_picture(path), HEIGHT, WIDTH) for path in paths])


def keyframe(drawing: np.ndarray) -> Keyframe:
    return Keyframe(to_floats(drawing), "first")


def flow(clips: Sequence[np.ndarray]) -> float:
    """Mean optical flow in pixels per frame."""
    return float(np.mean([speed(clip).mean() for clip in clips]))


def measure(images: Path, work: Path, changes: dict[str, Any]) -> tuple[dict[str, Any], list[np.ndarray]]:
    folder, trained_on, held_out, trigger = split(images, work)
    quick = replace(PRESETS["quick look"], images=str(folder), trigger=trigger, name="ours")
    quick = replace(quick, **changes)
    peers = replace(
        quick,
        name="self_guided",
        self_guide=True,
        still_share=1.0,
        move_share=0.0,
        given_share=0.0,
        sample_every=0,
    )
    facts = trained(quick, work)
    trained(peers, work)
    bench = Bench(held_out, trigger)
    loras = {name: read_lora(work / f"{name}.safetensors") for name in ("ours", "self_guided")}
    seen = bench.through_vae(pictures(trained_on))
    base, keyed_base = bench.clips(), bench.keyed()
    made = {strength: bench.clips((LoraUse(loras["ours"], strength),)) for strength in (0.0, 0.5, 1.0)}
    keyed = bench.keyed((LoraUse(loras["ours"]),))
    theirs = bench.clips((LoraUse(loras["self_guided"]),))
    before, before_raw = bench.distances(base), bench.distances(base, bench.drawings)

    def gain(clips: Sequence[np.ndarray]) -> list[float]:
        return [round(1.0 - d / b, 3) for d, b in zip(bench.distances(clips), before, strict=True)]

    colour, line = gain(made[1.0])
    raw = bench.distances(made[1.0], bench.drawings)
    keyed_now, keyed_before = bench.distances(keyed), bench.distances(keyed_base)
    figures = {
        "style_gain": min(colour, line),
        "style_gain_colour": colour,
        "style_gain_line": line,
        "style_gain_raw": [round(1.0 - d / b, 3) for d, b in zip(raw, before_raw, strict=True)],
        "style_distance_base": [round(value, 2) for value in before],
        "style_distance_of_trained_drawings": [round(value, 2) for value in bench.distances([seen])],
        "self_guide_style_gain": min(gain(theirs)),
        "self_guide_style_gain_both": gain(theirs),
        "keyframed_farther": [round(d / b - 1.0, 3) for d, b in zip(keyed_now, keyed_before, strict=True)],
        "motion_ratio": round(flow([*made[1.0], *keyed]) / flow([*base, *keyed_base]), 3),
        "motion_ratio_words": round(flow(made[1.0]) / flow(base), 3),
        "motion_ratio_keyframed": round(flow(keyed) / flow(keyed_base), 3),
        "keyframe_loss_db": round(
            bench.keyframe_error(keyed_base).psnr - bench.keyframe_error(keyed).psnr, 2
        ),
        "strength_0_identical": all(np.array_equal(a, b) for a, b in zip(made[0.0], base, strict=True)),
        "strength_half_gain": gain(made[0.5]),
        **facts,
        "drawings": len(trained_on),
        "held_out": len(held_out),
    }
    rows = [
        bench.drawings,
        *base[:2],
        *made[1.0][:2],
        *theirs[:2],
        *keyed_base[:2],
        *keyed[:2],
    ]
    return figures, rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--images",
        type=Path,
        default=BUNDLED_FOLDER,
        help="a folder of drawings of one style; those of the pack",
    )
    options.add_argument("--work", type=Path, default=Path("runs/style_lora"))
    options.add_argument(
        "--set", action="append", default=[], metavar="OPTION=JSON", help="another option than the preset's"
    )
    add_options(options)
    told = options.parse_args()
    work = told.work / told.images.name
    changes = {name: json.loads(value) for name, _, value in (text.partition("=") for text in told.set)}
    figures, rows = measure(told.images, work, changes)
    contact_sheet(rows, work / "sheet.png")
    publish({**figures, "style": told.images.name}, f"style_lora_{told.images.name}", told)


if __name__ == "__main__":
    main()
