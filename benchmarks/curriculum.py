"""The paper's fine-tuning recipes, run small on mini: `python benchmarks/curriculum.py [--json]`.

Each curriculum trains a LoRA on rendered clips of one kind of cartoon. Held out are others of that kind, whose loss at fixed noise is
compared with the base model's. Then subtitles: a LoRA trained on clips that have some makes clips that have some, and the curriculum
`subtitle_free`, going on from it on the same clips, takes them away.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.cartoons import CartoonClip, make_shot, render
from comfyui_anisora.anisora_core.evaluation.metrics.subtitles import BAND, subtitle_share
from comfyui_anisora.anisora_core.evaluation.reference_clips import generate, request_like
from comfyui_anisora.anisora_core.evaluation.suites.held_out_loss import encode_clips, held_out_loss
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.lora.apply import LoraUse
from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.media.pictures import write_picture
from comfyui_anisora.anisora_core.media.video import write_mp4
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.anisora_core.runtime.precision import fast_dtype
from comfyui_anisora.anisora_core.training.lora.curriculum import curricula, read_curriculum, train_curriculum
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from comfyui_anisora.anisora_core.training.lora.stages import Place
from PIL import Image, ImageDraw, ImageFont
from publish import add_options, publish

RELEASE, CPU = find_release("mini"), torch.device("cpu")
TRAIN_SEED, TEST_SEED = 830_000, 840_000
LINES = ("where are we", "let us see", "it was not me", "come back home", "see you tonight", "what a day")


def cartoons(first: int, count: int) -> list[CartoonClip]:
    return [render(make_shot(first + number, split="heldout")) for number in range(count)]


def longer(clip: CartoonClip) -> CartoonClip:
    """There and back and there again: eight seconds."""
    frames = clip.frames_FHWC
    return replace(clip, frames_FHWC=np.concatenate([frames, frames[-2::-1], frames[1:]]))


def subtitled(frames_FHWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White letters with a black edge in the band below."""
    height, width = frames_FHWC.shape[1:3]
    text = str(rng.choice(LINES))
    font = ImageFont.load_default(size=0.11 * height)
    out: list[np.ndarray] = []
    for frame in frames_FHWC:
        image = Image.fromarray(frame)
        place = (width / 2, height * (1.0 - BAND / 2))
        ImageDraw.Draw(image).text(
            place, text, "white", font, anchor="mm", stroke_width=2, stroke_fill="black"
        )
        out.append(np.asarray(image))
    return np.stack(out)


def writing(clips: Sequence[np.ndarray]) -> float:
    return round(subtitle_share(clips), 4)


def write_folder(folder: Path, clips: Sequence[CartoonClip], *, with_subtitles: bool, stills: int) -> Path:
    """Clips, and the middle frames of some as drawings, with captions beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, clip in enumerate(clips):
        path, frames = folder / f"{number:04}.mp4", clip.frames_FHWC
        if number < stills:
            path = path.with_suffix(".png")
            write_picture(frames[len(frames) // 2], path)
        else:
            if with_subtitles:
                frames = subtitled(frames, np.random.default_rng(number))
            write_mp4(frames, path, clip.fps)
        path.with_suffix(".txt").write_text(clip.caption)
    return folder


def made(clips: Sequence[CartoonClip], lora: Path | None) -> list[np.ndarray]:
    """With words alone."""
    mini = load_mini(dtype=fast_dtype(CPU))
    loras = uses(lora)
    requests = [replace(request_like(RELEASE, clip, ()), loras=loras, motion_score=None) for clip in clips]
    return [generate(mini, RELEASE, request) for request in requests]


def uses(lora: Path | None) -> tuple[LoraUse, ...]:
    return (LoraUse(read_lora(lora)),) if lora else ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150, help="training steps of each curriculum")
    parser.add_argument("--clips", type=int, default=48, help="number of clips to train on")
    parser.add_argument("--test", type=int, default=6, help="number of held-out clips")
    parser.add_argument("--work", type=Path, default=Path("runs/curriculum"))
    add_options(parser)
    options = parser.parse_args()
    clips = [longer(clip) for clip in cartoons(TRAIN_SEED, options.clips)]
    plain = write_folder(options.work / "plain", clips, with_subtitles=False, stills=options.clips // 4)
    below = write_folder(options.work / "subtitled", clips, with_subtitles=True, stills=0)
    unseen = cartoons(TEST_SEED, options.test)
    mini = load_mini()
    encoded = encode_clips(mini, RELEASE, unseen)

    def loss(lora: Path | None = None) -> float:
        return round(held_out_loss(mini.transformer, encoded, uses(lora)), 4)

    base = LoraRecipe().changed(
        steps=options.steps,
        batch_size=4,
        rank=16,
        learning_rate=5e-4,
        warmup=10,
        prior_preservation=0.0,
        sample_every=0,
    )
    figures: dict[str, Any] = {"held_out_loss": {"base": loss()}, "seconds": {}}

    def train(name: str, recipe: LoraRecipe, curriculum: str | None) -> Path:
        since = time.monotonic()
        place = Place(options.work / name, options.work / name / "run", {}, CPU, fast_dtype(CPU))
        recipe = recipe.changed(name=name)
        phases = read_curriculum(curriculum) if curriculum else []
        for _ in train_curriculum(recipe, phases, place):
            pass
        figures["seconds"][name] = round(time.monotonic() - since, 1)
        return options.work / name / f"{name}.safetensors"

    for name in ("none", *curricula()):
        path = train(name, base.changed(images=str(plain)), None if name == "none" else name)
        figures["held_out_loss"][name] = loss(path)
    more = base.changed(
        steps=options.steps * 2, images=str(below), still_share=0.0, move_share=0.8, given_share=0.2
    )
    infected = train("with_subtitles", more, None)
    cured = train("without_again", more.changed(resume_from_lora=str(infected)), "subtitle_free")
    shown = {"base": made(unseen, None), "with_subtitles": made(unseen, infected)}
    shown |= {"subtitle_free": made(unseen, cured)}
    truth = [clip.frames_FHWC for clip in unseen]
    texts = [subtitled(frames, np.random.default_rng(n)) for n, frames in enumerate(truth)]
    figures["writing"] = {"true_clips": writing(truth), "true_clips_subtitled": writing(texts)}
    figures["writing"] |= {name: writing(frames) for name, frames in shown.items()}
    contact_sheet(
        [texts[0], *(row for rows in shown.values() for row in rows[:2])], options.work / "sheet.png"
    )
    figures |= {"steps": options.steps, "clips": options.clips, "test": options.test}
    publish(figures, "curriculum", options)


if __name__ == "__main__":
    main()
