"""The paper's motion areas, learned by a LoRA: `python benchmarks/motion_area_lora.py [--model DIR] [--json]`.

A LoRA is trained on rendered clips with the preset "motion area" and measured on held-out cartoons, with the area given as the
keyframe mask (the paper's method): the share of motion that is inside the area (precision), and how much of the true motion is there
(recall), without the LoRA and with it. The model is a small one that was trained without areas, made first if it is missing
(`anisora train mini --recipe no_areas`); or another, such as mini itself, which takes areas as mask conditioning.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.cartoons import CartoonClip, Shot, make_shot, render
from comfyui_anisora.anisora_core.evaluation.suites.area_methods import PooledAreaFigures, measure_method
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.lora.apply import LoraUse
from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.media.video import write_mp4
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.anisora_core.runtime.precision import fast_dtype
from comfyui_anisora.anisora_core.training.lora.recipe import preset
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora
from comfyui_anisora.anisora_core.training.recipes.mini import main as train_mini
from publish import add_options, publish

RELEASE = find_release("mini")
CPU = torch.device("cpu")
TRAIN_SEED, TEST_SEED = 810_000, 820_000
SIDE, FRAMES = 96, 17


def made_model(folder: Path) -> Path:
    """About a quarter of an hour on two cores; goes on where it stopped."""
    if not (folder / "mini" / "card.json").exists():
        words = ["--recipe", "no_areas", "--run", str(folder), "--stages", "latents", "weak", "export"]
        if train_mini(words):
            raise SystemExit("the model could not be trained")
    return folder / "mini"


def write_clips(folder: Path, count: int) -> None:
    """Clips whose camera stands still, with captions beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:04}.mp4"
        if not path.exists():
            clip = drawn(make_shot(TRAIN_SEED + number, split="train", camera="still"))
            path.with_suffix(".txt").write_text(clip.caption)
            write_mp4(clip.frames_FHWC, path, clip.fps)


def drawn(shot: Shot) -> CartoonClip:
    return render(shot, num_frames=FRAMES, height=SIDE, width=SIDE)


def held_out(count: int) -> list[CartoonClip]:
    """Clips of which a part moves."""
    found: list[CartoonClip] = []
    seed = TEST_SEED
    while len(found) < count:
        clip = drawn(make_shot(seed, split="heldout", camera="still"))
        if clip.moving_FHW.any(0).mean() < 0.6 and clip.motion_score >= 1.0:
            found.append(clip)
        seed += 1
    return found


def figures_of(pooled: PooledAreaFigures) -> dict[str, float]:
    return {"precision": round(pooled.precision, 4), "recall": round(pooled.recall, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", type=Path, help="folder of another model, in the form of anisora_core/assets/mini"
    )
    parser.add_argument("--clips", type=int, default=120, help="number of clips to train on")
    parser.add_argument("--test", type=int, default=8, help="number of held-out clips to measure")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--work", type=Path, default=Path("runs/motion_area_lora"))
    add_options(parser)
    options = parser.parse_args()
    model = options.model or made_model(options.work / "model")
    write_clips(options.work / "clips", options.clips)
    recipe = preset("motion area").changed(
        images=str(options.work / "clips"), name="area", steps=options.steps, batch_size=8, rank=64,
        learning_rate=1e-3, max_pixels=SIDE * SIDE, length=FRAMES, variants=1, sample_every=0, save_every=100,
    )  # fmt: skip
    place = Place(options.work, options.work / "run", {"transformer": model}, CPU, fast_dtype(CPU))
    for _ in train_lora(recipe, place):
        pass
    use = (LoraUse(read_lora(options.work / "area.safetensors")),)
    clips = held_out(options.test)
    mini = load_mini(model, fast_dtype(CPU))
    without = measure_method(mini, RELEASE, clips, None)
    before = measure_method(mini, RELEASE, clips, "paper")
    after = measure_method(mini, RELEASE, clips, "paper", use)
    truth = [clip.frames_FHWC for clip in clips[:4]]
    groups = zip(truth, without.made, before.made, after.made, strict=False)
    contact_sheet([row for group in groups for row in group], options.work / "sheet.png")
    figures = {
        "without_area": figures_of(without),
        "paper_way_base": figures_of(before),
        "paper_way_lora": figures_of(after),
        "clips": options.clips,
        "test": options.test,
        "steps": options.steps,
    }
    publish(figures, "motion_area_lora", options)


if __name__ == "__main__":
    main()
