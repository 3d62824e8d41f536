"""A style LoRA from a folder of drawings, measured: `python benchmarks/style_lora.py [--images DIR | --cartoons STYLE] [--json]`.

Trains the preset "quick look" on four of five drawings and compares clips with the drawings held out, using their captions. A second
LoRA is trained as other trainers do, with each still as its own guide. docs/style_lora.md says what the figures mean. Trained LoRAs
are kept in `--work`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.cartoons import make_shot, render
from comfyui_anisora.anisora_core.data.training_folder import Item, read_training_folder
from comfyui_anisora.anisora_core.domain.atomic_write import write_beside
from comfyui_anisora.anisora_core.evaluation.suites.style_lora import SEED, StyleDrawings, measure_style
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.media.pictures import read_picture, write_picture
from comfyui_anisora.anisora_core.media.resize import cover_crop_pixels
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.anisora_core.runtime.precision import fast_dtype
from comfyui_anisora.anisora_core.training.engine.events import Sampled, Stepped
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe, preset
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora
from comfyui_anisora.nodes.lora_trainer import BUNDLED_FOLDER
from publish import add_options, publish

RELEASE = find_release("mini")
WIDTH, HEIGHT = RELEASE.size
CPU = torch.device("cpu")
#: Cartoons drawn of one style.
DRAWINGS = 25


def split(images: Path, work: Path) -> tuple[Path, StyleDrawings]:
    """Every fifth drawing is held out; the others go into a folder to train on, with their captions."""
    items = read_training_folder(images).items
    folder = work / "drawings"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trained_on, held_out = [item for number, item in enumerate(items) if number % 5], items[::5]
    for item in trained_on:
        shutil.copy(item.path, folder)
        (folder / item.path.name).with_suffix(".txt").write_text(item.caption)
    first_words = {item.caption.split(",")[0] for item in items}
    trigger = first_words.pop() if len(first_words) == 1 else "my style"
    captions = [item.caption for item in held_out]
    return folder, StyleDrawings(pictures(trained_on), pictures(held_out), captions, trigger)


def pictures(items: Sequence[Item]) -> np.ndarray:
    return np.stack([cover_crop_pixels(read_picture(item.path), (HEIGHT, WIDTH)) for item in items])


def draw_cartoons(style: str, folder: Path) -> Path:
    """A folder of drawings in a style of cartoons that no training of mini saw, with captions in words that it knows."""
    folder.mkdir(parents=True, exist_ok=True)
    shots = (make_shot(seed, split="heldout") for seed in count(SEED + 1000))
    for number, shot in enumerate(islice((shot for shot in shots if shot.style == style), DRAWINGS)):
        drawn = render(shot, num_frames=1, height=2 * HEIGHT, width=2 * WIDTH)
        write_picture(drawn.frames_FHWC[0], folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text(drawn.caption)
    return folder


def trained(recipe: LoraRecipe, work: Path) -> dict[str, float]:
    """Seconds in all and until the first sample, and peak GB. Kept in a file: a finished training would only be resumed."""
    facts = work / recipe.name / "facts.json"
    if facts.exists():
        return json.loads(facts.read_text())
    since = time.monotonic()
    place = Place(work, work / recipe.name, {}, CPU, fast_dtype(CPU))
    figures: dict[str, float] = {}
    for event in train_lora(recipe, place):
        if isinstance(event, Sampled):
            figures.setdefault("first_sample_seconds", round(time.monotonic() - since, 1))
        if isinstance(event, Stepped):
            figures["peak_gb"] = round(event.gigabytes, 2)
    figures["seconds"] = round(time.monotonic() - since, 1)
    with write_beside(facts) as part:
        part.write_text(json.dumps(figures))
    return figures


def measure(
    images: Path, work: Path, guidance: float, changes: dict[str, Any]
) -> tuple[dict[str, Any], list[np.ndarray]]:
    folder, drawings = split(images, work)
    quick = preset("quick look").changed(images=str(folder), trigger=drawings.trigger, name="ours")
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
    ours, theirs = (read_lora(work / f"{name}.safetensors") for name in ("ours", "self_guided"))
    measured = measure_style(load_mini(dtype=fast_dtype(CPU)), RELEASE, drawings, ours, theirs, guidance)
    figures = {
        **measured.as_json(),
        **facts,
        "drawings": len(drawings.trained_on),
        "held_out": len(drawings.held_out),
        "guidance": guidance,
    }
    if measured.at_own_guidance:
        figures["at_own_guidance"] = asdict(measured.at_own_guidance)
    return figures, measured.rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--images",
        type=Path,
        default=BUNDLED_FOLDER,
        help="a folder of drawings of one style; default: those of the pack",
    )
    parser.add_argument(
        "--cartoons",
        metavar="LINE/PALETTE",
        help="instead, rendered cartoons in a style that mini was not trained on, for example pencil/sepia",
    )
    parser.add_argument(
        "--guidance",
        type=float,
        default=preset("quick look").samples.sample_cfg,
        help="cfg of all clips; the preset's own samples have 1",
    )
    parser.add_argument("--work", type=Path, default=Path("runs/style_lora"))
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=JSON",
        help="a training option that replaces the preset's",
    )
    add_options(parser)
    options = parser.parse_args()
    name = options.cartoons.replace("/", "_") if options.cartoons else options.images.name
    work = options.work / name
    images = draw_cartoons(options.cartoons, work / "cartoons") if options.cartoons else options.images
    changes = {name: json.loads(value) for name, _, value in (text.partition("=") for text in options.set)}
    figures, rows = measure(images, work, options.guidance, changes)
    contact_sheet(rows, work / "sheet.png")
    publish({**figures, "style": name}, f"style_lora_{name}", options)


if __name__ == "__main__":
    main()
