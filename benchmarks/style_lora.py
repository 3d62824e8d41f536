"""A style LoRA from a folder of drawings, measured: `python benchmarks/style_lora.py [--images DIR | --cartoons STYLE] [--json]`.

Trains the preset "quick look" on four of five drawings and compares clips with those it never saw, asked for in their captions. The
same is done in the way of other trainers, each still being its own guide. docs/style_lora.md says what the figures mean. What was
trained is kept in `--work`.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.captions import compose_caption, without_trigger
from comfyui_anisora.anisora_core.data.cartoons import make_shot, render
from comfyui_anisora.anisora_core.data.training_folder import Item, read_training_folder
from comfyui_anisora.anisora_core.domain.atomic import write_beside
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Timeline
from comfyui_anisora.anisora_core.evaluation.fidelity import Error, error
from comfyui_anisora.anisora_core.evaluation.motion import speed
from comfyui_anisora.anisora_core.evaluation.style import colour_distance, line_distance
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.generation.pipeline import Frames, Request, make_clip
from comfyui_anisora.anisora_core.lora.apply import LoraUse
from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.media.pictures import read_picture
from comfyui_anisora.anisora_core.media.resize import cover_crop_pixels
from comfyui_anisora.anisora_core.media.tensors import to_bytes, to_floats
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.anisora_core.runtime.precision import fast_dtype
from comfyui_anisora.anisora_core.training.engine.events import Sampled, Stepped
from comfyui_anisora.anisora_core.training.held_out import rebuilt
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe, preset
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora
from comfyui_anisora.nodes.trainer import BUNDLED_FOLDER
from PIL import Image
from publish import add_options, publish

RELEASE = find_release("mini")
WIDTH, HEIGHT = RELEASE.size
CPU = torch.device("cpu")
SEED = 720_000
#: From words alone mini draws blots in its four steps, and pictures in these.
WORDS_STEPS, WORDS_SHIFT = 12, 5.0
#: Clips from words alone, at least; those made again at strength 0 and at the release's own guidance; cartoons of a style.
FREE, AGAIN, DRAWINGS = 10, 6, 25


@dataclass(frozen=True)
class Style:
    """Drawings of one style, four of five in `folder` to train on; `trigger`: the words that call it."""

    folder: Path
    trained_on: list[Item]
    held_out: list[Item]
    trigger: str


def split(images: Path, work: Path) -> Style:
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
    return Style(folder, trained_on, list(items[::5]), trigger)


def draw_cartoons(style: str, folder: Path) -> Path:
    """A folder of drawings in a style of cartoons that no training of mini saw, with captions in words that it knows."""
    folder.mkdir(parents=True, exist_ok=True)
    shots = (make_shot(seed, split="heldout") for seed in count(SEED + 1000))
    for number, shot in enumerate(islice((shot for shot in shots if shot.style == style), DRAWINGS)):
        drawn = render(shot, num_frames=1, height=2 * HEIGHT, width=2 * WIDTH)
        Image.fromarray(drawn.frames_FHWC[0]).save(folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text(drawn.caption)
    return folder


def trained(recipe: LoraRecipe, work: Path) -> dict[str, float]:
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


@dataclass(frozen=True)
class Wanted:
    """A clip to make: `seed` is its noise's."""

    words: str
    seed: int
    keyframes: tuple[Keyframe, ...] = ()


@dataclass(frozen=True)
class Made:
    """Clips of one model with words alone, and from the drawings held out."""

    free: list[np.ndarray]
    keyed: list[np.ndarray]

    @property
    def motion(self) -> float:
        return flow([*self.free, *self.keyed])


class Bench:
    """The same clips by the base model and with LoRAs."""

    def __init__(self, style: Style) -> None:
        self.mini, self.style = load_mini(dtype=fast_dtype(CPU)), style
        self.drawings = pictures(style.held_out)
        self.shown = self.through_vae(self.drawings)

    def through_vae(self, drawings: np.ndarray) -> np.ndarray:
        """On both sides of what is compared, so that its blur is no part of the style."""
        return np.concatenate([rebuilt(self.mini.vae, drawing[None]) for drawing in drawings])

    def own_words(self) -> tuple[list[Wanted], list[Wanted]]:
        """Of the drawings held out, `FREE` clips or more with words alone, as many each; and one each from the drawing."""
        words = [without_trigger(item.caption, self.style.trigger) for item in self.style.held_out]
        rounds = math.ceil(FREE / len(words))
        free = [
            Wanted(text, SEED + 100 * round_ + n) for round_ in range(rounds) for n, text in enumerate(words)
        ]
        return free, self.from_drawings(words)

    def from_drawings(self, words: Sequence[str]) -> list[Wanted]:
        pairs = zip(words, self.drawings, strict=False)
        return [Wanted(text, SEED + n, (keyframe(drawing),)) for n, (text, drawing) in enumerate(pairs)]

    def make(
        self, wanted: tuple[list[Wanted], list[Wanted]], guidance: float, loras: tuple[LoraUse, ...] = ()
    ) -> Made:
        free, keyed = ([self.clip(one, guidance, loras) for one in part] for part in wanted)
        return Made(free, keyed)

    def clip(self, wanted: Wanted, guidance: float, loras: tuple[LoraUse, ...]) -> np.ndarray:
        timeline = Timeline(RELEASE.num_frames, RELEASE.fps, HEIGHT, WIDTH, wanted.keyframes)
        words = wanted.words
        if loras and loras[0].strength:  # the base model does not know the words that call the style
            rng = np.random.default_rng(0)
            words = compose_caption(words, self.style.trigger, shuffle=False, keep=1, rng=rng)
        request = Request(timeline, prompt=words, seed=wanted.seed, cfg_scale=guidance, loras=loras)
        if not wanted.keyframes:
            request = replace(request, steps=WORDS_STEPS, shift=WORDS_SHIFT)
        events = make_clip(self.mini, RELEASE, request)
        return to_bytes(torch.cat([event.frames_FHWC for event in events if isinstance(event, Frames)]))

    def distances(
        self, clips: Sequence[np.ndarray], drawings: np.ndarray | None = None
    ) -> tuple[float, float]:
        """(colours, lines) of all frames."""
        frames = np.concatenate(list(clips))
        style = self.shown if drawings is None else drawings
        return colour_distance(frames, style), line_distance(frames, style)

    def gains(
        self,
        clips: Sequence[np.ndarray],
        base: tuple[float, float],
        drawings: np.ndarray | None = None,
    ) -> list[float]:
        """How much nearer than the distances of `base`, as a share: (colours, lines); below 0 it is farther."""
        pairs = zip(self.distances(clips, drawings), base, strict=True)
        return [round(1.0 - now / before, 3) for now, before in pairs]

    def compared(self, made: Made, base: Made) -> dict[str, Any]:
        free, keyed = self.distances(base.free), self.distances(base.keyed)
        colour, line = self.gains(made.free, free)
        return {
            "style_gain": min(colour, line),
            "style_gain_colour": colour,
            "style_gain_line": line,
            "keyframed_farther": [round(-gain, 3) for gain in self.gains(made.keyed, keyed)],
            "motion_ratio": round(made.motion / base.motion, 3),
            "motion_ratio_words": round(flow(made.free) / flow(base.free), 3),
            "motion_ratio_keyframed": round(flow(made.keyed) / flow(base.keyed), 3),
            "keyframe_loss_db": round(
                self.keyframe_error(base.keyed).psnr - self.keyframe_error(made.keyed).psnr, 2
            ),
            "style_distance_base": [round(value, 2) for value in free],
            "keyframed_distance_base": [round(value, 2) for value in keyed],
        }

    def keyframe_error(self, clips: Sequence[np.ndarray]) -> Error:
        pairs = zip(clips, self.drawings, strict=False)
        return sum((error(clip[:1], drawing[None]) for clip, drawing in pairs), Error())


def pictures(items: Sequence[Item]) -> np.ndarray:
    return np.stack([cover_crop_pixels(read_picture(item.path), (HEIGHT, WIDTH)) for item in items])


def keyframe(drawing: np.ndarray) -> Keyframe:
    return Keyframe(to_floats(drawing), "first")


def flow(clips: Sequence[np.ndarray]) -> float:
    """Mean optical flow in pixels per frame."""
    return float(np.mean([speed(clip).mean() for clip in clips]))


def measure(
    images: Path, work: Path, guidance: float, changes: dict[str, Any]
) -> tuple[dict[str, Any], list[np.ndarray]]:
    style = split(images, work)
    quick = preset("quick look").changed(images=str(style.folder), trigger=style.trigger, name="ours")
    quick = quick.changed(**changes)
    peers = quick.changed(
        name="self_guided",
        self_guide=True,
        still_share=1.0,
        move_share=0.0,
        given_share=0.0,
        sample_every=0,
    )
    facts = trained(quick, work)
    trained(peers, work)
    bench = Bench(style)
    ours, theirs = (read_lora(work / f"{name}.safetensors") for name in ("ours", "self_guided"))
    free, keyed = bench.own_words()
    base = bench.make((free, keyed), guidance)
    made = bench.make((free, keyed), guidance, (LoraUse(ours),))
    half = bench.make((free, []), guidance, (LoraUse(ours, 0.5),))
    off = bench.make((free[:AGAIN], []), guidance, (LoraUse(ours, 0.0),))
    peer = bench.make((free, []), guidance, (LoraUse(theirs),))
    before = bench.distances(base.free)
    peer_gains = bench.gains(peer.free, before)
    seen = bench.through_vae(pictures(style.trained_on))
    figures = {
        **bench.compared(made, base),
        "style_gain_raw": bench.gains(made.free, bench.distances(base.free, bench.drawings), bench.drawings),
        "style_distance_of_trained_drawings": [round(value, 2) for value in bench.distances([seen])],
        "style_distance_of_vae": [round(value, 2) for value in bench.distances([bench.drawings])],
        "self_guide_style_gain": min(peer_gains),
        "self_guide_style_gain_both": peer_gains,
        "strength_0_identical": all(map(np.array_equal, off.free, base.free)),
        "strength_half_gain": bench.gains(half.free, before),
        **facts,
        "drawings": len(style.trained_on),
        "held_out": len(style.held_out),
        "guidance": guidance,
    }
    if guidance != RELEASE.cfg_scale:
        few = free[:AGAIN], keyed[:AGAIN]
        usual = bench.make(few, RELEASE.cfg_scale)
        styled = bench.make(few, RELEASE.cfg_scale, (LoraUse(ours),))
        figures["at_own_guidance"] = bench.compared(styled, usual)
    rows = [
        bench.drawings[:8],
        *base.free[:2],
        *made.free[:2],
        *peer.free[:2],
        *base.keyed[:2],
        *made.keyed[:2],
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
    options.add_argument(
        "--cartoons",
        metavar="LINE/PALETTE",
        help="instead, drawings of a style of mini's own cartoons that its training never saw, as pencil/sepia",
    )
    options.add_argument(
        "--guidance",
        type=float,
        default=preset("quick look").samples.sample_cfg,
        help="of all clips; the preset's own samples have 1",
    )
    options.add_argument("--work", type=Path, default=Path("runs/style_lora"))
    options.add_argument(
        "--set", action="append", default=[], metavar="OPTION=JSON", help="another option than the preset's"
    )
    add_options(options)
    told = options.parse_args()
    name = told.cartoons.replace("/", "_") if told.cartoons else told.images.name
    work = told.work / name
    images = draw_cartoons(told.cartoons, work / "cartoons") if told.cartoons else told.images
    changes = {name: json.loads(value) for name, _, value in (text.partition("=") for text in told.set)}
    figures, rows = measure(images, work, told.guidance, changes)
    contact_sheet(rows, work / "sheet.png")
    publish({**figures, "style": name}, f"style_lora_{name}", told)


if __name__ == "__main__":
    main()
