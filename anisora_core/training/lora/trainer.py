"""From a recipe to a LoRA file: encode once, free the encoders, train, look at samples on the way."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ...checkpoints.detect import CARD
from ...checkpoints.load import read_lora
from ...data.captions import compose_caption
from ...data.training_folder import TrainingFolder, read_training_folder
from ...domain.release import Part
from ...families import VideoTransformer, family_of
from ...generation.components import Experts
from ...generation.loading import files_of_part, load_text, load_transformer, load_vae, load_vision
from ...generation.pipeline import vae_encoder
from ...layers.attention import explicit_attention
from ...lora.apply import LoraUse, changes_to, live
from ...lora.changes import Change
from ...lora.read import Lora
from ...lora.trainable import Adapters, acting
from ...media.frames import read_frames
from ...media.resize import cover_crop_pixels
from ...media.tensors import to_floats
from ...runtime.frozen import Swap, checkpointed, to_scaled_fp8
from ..loop import Report, agreed, processes, saved_step, train
from .areas import detector, moving
from .batches import LoraBatches, Pool, Words, pools_of
from .dataset import examples_of, report_of
from .events import Encoding, Event, Finished, Said, Sampled, Saved, Stepped, Warned
from .examples import Encoders, Example, ExampleCache, TextCache
from .objective import LoraObjective
from .outputs import (
    Curve,
    add_thumbnail,
    checkpoint_path,
    drop_old_checkpoints,
    metadata_of,
    read_thumbnail,
    save_lora,
    save_thumbnail,
)
from .recipe import Recipe
from .resume import alone, remember, require_own, require_same
from .samples import MOTION_KEPT, Shot, Wish, make_samples, motion_ratio, shots_of, write_samples
from .stages import Place, Stage, has_begun, stages_of, start_of


def train_lora(
    recipe: Recipe, place: Place, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Yields events; the last is `Finished`. Run again, it goes on where it stopped.

    ValueError for what cannot be trained, a run folder that holds another training, or a name that a file of others has.
    """
    with alone(place.run) if processes().is_main_process else nullcontext():
        yield from _train_lora(recipe, place, should_stop)


def _train_lora(recipe: Recipe, place: Place, should_stop: Callable[[], bool]) -> Iterator[Event]:
    began = time.monotonic()
    for stage in stages_of(recipe):
        if recipe.start and not start_of(recipe, stage).is_file():
            raise ValueError(f"start: {start_of(recipe, stage)} is no file; give a LoRA, or leave it empty")
    drawings = read_training_folder(Path(recipe.images))
    require_same(recipe, place, drawings)
    examples = examples_of(drawings, recipe)
    if not has_begun(recipe, place.run):
        require_own(recipe, place)
    yield Said(tuple(report_of(drawings, recipe).lines()))
    cache = ExampleCache(place.run / "cache", recipe.model, examples_encoded_by(recipe, place), recipe.seed)
    texts = TextCache(place.run / "cache", texts_encoded_by(recipe, place))
    encoders = load_encoders(recipe, place)
    shots = shots_of(wishes(recipe, drawings), recipe, encoders.encode, encoders.see)
    yield from encode(examples, cache, encoders, should_stop)
    del encoders
    if agreed(should_stop(), place.device):
        yield Finished((), 0, False, time.monotonic() - began)
        return
    pools = pools_of(examples, recipe.shares, batch=recipe.batch, moving_batch=recipe.moving_batch)
    batches = batches_of(recipe, pools, cache, texts)
    told = [recipe.model.negative_prompt, *(shot.prompt for shot in shots), *batches.prompts()]
    encode_texts(recipe, place, told, texts)
    if processes().is_main_process:
        remember(recipe, place, drawings)
    before, paths, is_whole = 0, list[Path](), False
    for stage in stages_of(recipe):
        run = Run(recipe, place, stage, drawings, shots, texts, should_stop, before)
        yield from run.train(batches)
        paths.append(run.finish())
        before += run.done
        is_whole = run.done >= stage.steps  # more when the recipe asks for fewer than before
        del run
        if not is_whole:
            break
    else:
        if recipe.model.boundary is not None and recipe.sample_every and processes().is_main_process:
            yield from sample_experts(recipe, place, shots, texts, paths, should_stop)
    yield Finished(tuple(paths), before, is_whole, time.monotonic() - began)


def examples_encoded_by(recipe: Recipe, place: Place) -> str:
    """Names what examples depend on besides themselves: the files of their encoders, and the detector."""
    parts: list[Part] = ["vae", *(["image_encoder"] if recipe.model.has_clip_vision else [])]
    files = [file for part in parts for file in files_of_part(recipe.model, place.files, part)]
    return stamped(files) + recipe.detector


def texts_encoded_by(recipe: Recipe, place: Place) -> str:
    files = files_of_part(recipe.model, place.files, "text_encoder")
    card = files[0].with_name(CARD)  # has the words that mini knows
    return stamped([*files, *([card] if card.exists() else [])])


def stamped(files: Sequence[Path]) -> str:
    """Another when one of the files is."""
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return ", ".join(f"{name} {size} {time}" for name, size, time in facts)


def load_encoders(recipe: Recipe, place: Place) -> Encoders:
    vae = load_vae(recipe.model, place.files, place.dtype, place.device)
    vision = load_vision(recipe.model, place.files, place.dtype)
    foreground = detector(Path(recipe.detector)) if recipe.detector else moving
    return Encoders(vae_encoder(vae), None if vision is None else vision.encode, foreground)


def encode(
    examples: Sequence[Example], cache: ExampleCache, encoders: Encoders, should_stop: Callable[[], bool]
) -> Iterator[Event]:
    """Every process encodes its part, or stops; then all are there."""
    state = processes()
    # shared out before looking what is there: another process may already be writing
    mine = cache.missing(examples[state.process_index :: state.num_processes])
    for done, _ in enumerate(cache.fill(mine, encoders), start=1):
        yield Encoding(len(examples) - len(mine) + done, len(examples))
        if should_stop():
            break
    state.wait_for_everyone()


def wishes(recipe: Recipe, drawings: TrainingFolder) -> list[Wish]:
    """One with words alone, and one that starts from a drawing; with the artist's prompts, those alone."""
    width, height = recipe.model.size
    size = recipe.model.grid.fit_area(recipe.pixels, height, width)
    if recipe.prompts():
        return [Wish(words, None, size) for words in recipe.prompts()]
    items = [item for item in drawings.items if item.num_frames == 1] or list(drawings.items)
    chosen = items[0], items[-1]
    captions = [item.caption if recipe.captions else "" for item in chosen]
    rng = np.random.default_rng(0)  # not asked without shuffling
    said = [compose_caption(text, recipe.trigger, shuffle=False, keep=0, rng=rng) for text in captions]
    drawing = read_frames(chosen[1].path, recipe.rate, 1)[0]
    return [Wish(said[0], None, size), Wish(said[1], to_floats(cover_crop_pixels(drawing, size)), size)]


def encode_texts(recipe: Recipe, place: Place, prompts: Sequence[str], texts: TextCache) -> None:
    if processes().is_main_process and any(not texts.path(prompt).exists() for prompt in prompts):
        encoder = load_text(recipe.model, place.files, place.dtype, place.tokenizer_folder)
        texts.fill(prompts, encoder.to(place.device).encode)
    processes().wait_for_everyone()


def batches_of(recipe: Recipe, pools: Sequence[Pool], cache: ExampleCache, texts: TextCache) -> LoraBatches:
    state = processes()
    words = Words(recipe.trigger, recipe.captions, recipe.shuffle, recipe.keep_words, recipe.caption_dropout)
    place = (state.process_index, state.num_processes)
    return LoraBatches(pools, cache, texts, words, recipe.model, recipe.seed, *place)


class Run:
    """A stage of the training, with the encoders gone. `before`: steps of earlier stages."""

    def __init__(
        self,
        recipe: Recipe,
        place: Place,
        stage: Stage,
        drawings: TrainingFolder,
        shots: Sequence[Shot],
        texts: TextCache,
        should_stop: Callable[[], bool],
        before: int,
    ) -> None:
        gc.collect()
        self.recipe, self.place, self.stage, self.drawings = recipe, place, stage, drawings
        self.shots, self.texts, self.should_stop, self.before = shots, texts, should_stop, before
        self.folder, self.name = stage.folder(place.run), stage.name(recipe.name)
        self.path = stage.file(recipe, place)
        self.network = frozen(recipe, place, stage.part)
        self.adapters = Adapters(self.network, recipe.adapters, recipe.seed)
        if recipe.start:
            start = start_of(recipe, stage)
            self.adapters.start_from(read_lora(start).changes, str(start))
        self.base: list[np.ndarray] = []
        self.thumbnail = read_thumbnail(self.path)
        self.done = saved_step(self.folder)
        self.curve = Curve(self.folder)
        self.curve.read(self.done)

    def train(self, batches: LoraBatches) -> Iterator[Event]:
        recipe, device = self.recipe, self.place.device
        levels = recipe.levels(self.stage.low, self.stage.high)
        objective = LoraObjective(self.network, recipe.model, levels)
        precision = "float32" if self.place.dtype == torch.float32 else "bfloat16"
        settings = replace(recipe.loop, steps=self.stage.steps, precision=precision)
        with acting(self.network, self.adapters):
            for now in train(
                self.adapters, batches, objective, settings, self.folder, device, self.should_stop
            ):
                self.done = now.step
                smooth = self.curve.add(now.step, now.loss)
                step = self.before + now.step
                left = now.seconds_per_step * max(0, recipe.steps - step)
                yield Stepped(step, recipe.steps, now.loss, smooth, left, peak_gigabytes(device))
                if processes().is_main_process:
                    with self.adapters.off():
                        yield from self.milestones(now)

    def milestones(self, now: Report) -> Iterator[Event]:
        """Samples and checkpoint, when their step has come."""
        assert isinstance(now.averaged, Adapters)
        recipe, is_last = self.recipe, now.step == now.total
        is_due = recipe.sample_every and (
            is_last or now.step == recipe.first_sample or now.step % recipe.sample_every == 0
        )
        # one of two experts makes no clip, and both would not be there at once
        if is_due and self.stage.part == "transformer":
            yield from self.sample(now.step, now.averaged.changes())
        if now.step % recipe.save_every == 0 or is_last:
            path = checkpoint_path(self.folder, self.name, now.step)
            self.save(path, now.averaged)
            drop_old_checkpoints(self.folder, self.name, recipe.keep)
            self.curve.write()
            yield Saved(self.before + now.step, path)

    def sample(self, step: int, changes: dict[str, Change]) -> Iterator[Event]:
        release = self.recipe.model
        vae = load_vae(release, self.place.files, self.place.dtype, self.place.device)
        make = partial(
            make_samples,
            self.network,
            vae,
            release,
            self.recipe.sampling,
            self.shots,
            self.texts.read,
            self.should_stop,
        )
        self.base = self.base or make()
        styled = make((LoraUse(Lora(Path("sample"), family_of(release), changes)),))
        if self.base and styled:
            self.thumbnail = thumbnail_of(styled)
            yield from compared(self.base, styled, self.folder, step, self.recipe)

    def save(self, path: Path, adapters: Adapters) -> None:
        metadata = metadata_of(self.recipe, self.drawings, self.done, self.thumbnail)
        save_lora(path, adapters.changes(), self.recipe.model, metadata)

    def finish(self) -> Path:
        """The file, of the last step done, and its thumbnail beside it."""
        if processes().is_main_process:
            self.save(self.path, self.adapters)
            self.curve.write()
            if self.thumbnail is not None:
                save_thumbnail(self.path, self.thumbnail)
        processes().wait_for_everyone()  # who goes on from it must find it
        return self.path


def compared(
    base: Sequence[np.ndarray], styled: Sequence[np.ndarray], run: Path, step: int, recipe: Recipe
) -> Iterator[Event]:
    """Writes the samples, and warns when they lost motion or shake."""
    sheet, clips = write_samples(base, styled, run / "samples", step, recipe.rate)
    ratio = motion_ratio(base, styled)
    yield Sampled(step, sheet, clips, ratio)
    low, high = MOTION_KEPT
    if ratio < low or ratio > high:
        less = f"raise length, or lower learning_rate, now {recipe.peak_learning_rate:g}"
        advice = "raise prior or move_share, or stop earlier" if ratio < low else less
        yield Warned(f"step {step}: samples move {ratio:.2f} times as much as the base model's; {advice}")


def thumbnail_of(clips: Sequence[np.ndarray]) -> np.ndarray:
    return clips[0][len(clips[0]) // 2]


def sample_experts(
    recipe: Recipe,
    place: Place,
    shots: Sequence[Shot],
    texts: TextCache,
    paths: Sequence[Path],
    should_stop: Callable[[], bool],
) -> Iterator[Event]:
    """When both are trained: one alone makes no clip, and a clip has only one of them in memory at a time."""
    release, acts = recipe.model, ExitStack()
    stages = stages_of(recipe)
    changes = {stage.part: read_lora(path).changes for stage, path in zip(stages, paths, strict=True)}

    def bring(part: Part, is_styled: bool) -> VideoTransformer:
        acts.close()  # lets go of the other one,
        gc.collect()  # whose blocks hold themselves when they are swapped or computed twice
        network = frozen(recipe, place, part)
        if is_styled and part in changes:
            use = LoraUse(Lora(Path("sample"), family_of(release), changes[part]))
            acts.enter_context(live(network, changes_to(network, [use])))
        return network

    def made(is_styled: bool) -> list[np.ndarray]:
        both = Experts(partial(bring, "high_noise", is_styled), partial(bring, "low_noise", is_styled))
        with acts:
            vae = load_vae(release, place.files, place.dtype, place.device)
            return make_samples(both, vae, release, recipe.sampling, shots, texts.read, should_stop)

    base = made(False)
    styled = made(True) if base else []
    if styled:
        yield from compared(base, styled, place.run, recipe.steps, recipe)
        for path in paths:
            add_thumbnail(path, thumbnail_of(styled))


def frozen(recipe: Recipe, place: Place, part: Part) -> VideoTransformer:
    """The network to train beside, on its device but for what is swapped."""
    # on a CPU torch's fused attention is slow to go back through
    more = {"attention": explicit_attention} if place.device.type == "cpu" else {}
    is_made_smaller = recipe.base == "fp8" or recipe.swap_blocks > 0
    first = torch.device("cpu") if is_made_smaller else place.device
    loaded = load_transformer(recipe.model, place.files, place.dtype, first, **more)
    if isinstance(loaded, Experts):
        loaded = loaded.high() if part == "high_noise" else loaded.low()
    network = loaded.requires_grad_(False).eval()
    if recipe.base == "fp8":
        to_scaled_fp8(network.blocks)
    blocks = list(network.blocks)
    away = blocks[max(0, len(blocks) - recipe.swap_blocks) :] if recipe.swap_blocks else []
    here = [part for name, part in network.named_children() if name != "blocks"]
    for module in (*here, *blocks[: len(blocks) - len(away)]):
        module.to(place.device)
    if away:
        Swap(away, place.device)
    if recipe.checkpointing or away:
        checkpointed(blocks)
    return network


def peak_gigabytes(device: torch.device) -> float:
    """Of the GPU where there is one, else of this process; 0 on Windows, which does not count it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
