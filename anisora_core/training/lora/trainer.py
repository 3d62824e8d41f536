"""From a recipe to a LoRA file: encode once, free the encoders, train, look at samples on the way."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from torch.utils.checkpoint import checkpoint

from ...checkpoints.components import Transformer
from ...data.buckets import assign
from ...data.pictures import fit, read_picture
from ...data.training_folder import Item, TrainingFolder, read_training_folder, report
from ...generate import vae_encoder
from ...layers.attention import explicit_attention
from ...layers.lora import Change
from ...loading import Files, file_of, load_text, load_transformer, load_vae, load_vision
from ..loop import Report, saved_step, train
from .adapters import Adapters
from .batches import LoraBatches, Pool, Words, pools_of
from .events import Encoding, Event, Finished, Said, Sampled, Saved, Stepped, Warned
from .examples import Encoders, Example, ExampleCache, Kind, TextCache
from .objective import LoraObjective
from .outputs import Curve, checkpoint_path, drop_old_checkpoints, metadata_of, save_lora
from .recipe import FREE, Recipe, read_recipe
from .samples import MOTION_KEPT, Shot, Wish, make_samples, motion_ratio, shots_of, write_samples


@dataclass(frozen=True)
class Place:
    """Where things go and what is trained on. `loras`: the finished file's folder; `run`: all else, and what resumes."""

    loras: Path
    run: Path
    files: Files
    device: torch.device
    dtype: torch.dtype
    tokenizer_folder: Path | None = None

    def file(self, recipe: Recipe) -> Path:
        return self.loras / f"{recipe.name}.safetensors"


def train_lora(
    recipe: Recipe, place: Place, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Yields events; the last is `Finished`. Run again, it goes on where it stopped.

    ValueError for what cannot be trained, or a run folder that holds another training.
    """
    began = time.monotonic()
    require_same(recipe, place.run)
    folder = read_training_folder(Path(recipe.images))
    examples = examples_of(folder, recipe)
    yield Said(tuple(lines_about(folder, recipe)))
    cache = ExampleCache(place.run / "cache", recipe.model, encoded_by(recipe, place), recipe.seed)
    texts = TextCache(place.run / "cache", encoded_by(recipe, place))
    shots: list[Shot] = []
    yield from encode(recipe, place, folder, examples, cache, shots)
    pools = pools_of(
        examples,
        still=recipe.still_share,
        move=recipe.move_share,
        given=recipe.given_share,
        prior=recipe.prior,
    )
    batches = batches_of(recipe, pools, cache, texts)
    told = [recipe.model.negative_prompt, *(shot.prompt for shot in shots), *batches.prompts()]
    encode_texts(recipe, place, told, texts)
    run = Run(recipe, place, folder, shots, texts, should_stop)
    yield from run.train(batches)
    yield run.finished(time.monotonic() - began)


def require_same(recipe: Recipe, run: Path) -> None:
    """ValueError when `run` holds a training that this recipe would not go on with."""
    path = run / "recipe.json"
    if not path.exists():
        return
    before = asdict(read_recipe(path))
    changed = [key for key, value in asdict(recipe).items() if key not in FREE and value != before[key]]
    if changed:
        key = changed[0]
        raise ValueError(
            f"{key}: {run} holds a training with {key} {before[key]!r}; take that, another name, or delete the folder"
        )


def lines_about(folder: TrainingFolder, recipe: Recipe) -> list[str]:
    buckets = assign(folder.items, recipe.pixels, recipe.model.grid.size_multiple)
    return report(folder, buckets, area=recipe.pixels).lines()


def examples_of(folder: TrainingFolder, recipe: Recipe) -> list[Example]:
    """ValueError when nothing is large enough."""
    buckets = assign(folder.items, recipe.pixels, recipe.model.grid.size_multiple)
    return [
        Example(item, kind, size, length, variant, recipe.self_guide and kind == "still")
        for size, items in buckets.items()
        for item in items
        for kind, length in uses_of(item, recipe)
        for variant in range(recipe.variants)
    ]


def uses_of(item: Item, recipe: Recipe) -> Iterator[tuple[Kind, int]]:
    """(kind, length): a drawing is a still and is moved, a clip is what it is."""
    if item.num_frames > 1:
        yield "clip", recipe.model.grid.longest_within(min(recipe.num_frames, item.num_frames))
        return
    if recipe.still_share:
        yield "still", 1
    if recipe.move_share or recipe.given_share:
        yield "move", recipe.num_frames


def encoded_by(recipe: Recipe, place: Place) -> str:
    """Names what latents and features depend on besides their example: the files of the encoders."""
    files: list[Path] = []
    for part in ("vae", "text_encoder"):
        path = file_of(recipe.model, place.files, part)
        files += sorted(path.glob(f"{part}*.safetensors")) if path.is_dir() else [path]
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return ", ".join(f"{name} {size} {time}" for name, size, time in facts)


def encode(
    recipe: Recipe,
    place: Place,
    folder: TrainingFolder,
    examples: Sequence[Example],
    cache: ExampleCache,
    shots: list[Shot],
) -> Iterator[Event]:
    """Every process encodes its part; then all are there. Adds the shots for samples."""
    release, state = recipe.model, PartialState()
    vae = load_vae(release, place.files, place.dtype, place.device)
    vision = load_vision(release, place.files, place.dtype)
    encoders = Encoders(vae_encoder(vae), None if vision is None else vision.encode)
    shots += shots_of(
        wishes(recipe, folder), release, recipe.num_frames, encoders.encode, encoders.see, recipe.seed
    )
    missing = cache.missing(examples)
    mine = missing[state.process_index :: state.num_processes]
    for done, _ in enumerate(cache.fill(mine, encoders), start=1):
        yield Encoding(len(examples) - len(mine) + done, len(examples))
    state.wait_for_everyone()


def wishes(recipe: Recipe, folder: TrainingFolder) -> list[Wish]:
    """Two with words alone, and one that starts from a drawing; with the artist's prompts, those alone."""
    width, height = recipe.model.size
    grid = recipe.model.grid
    scale = min(1.0, (recipe.pixels / (width * height)) ** 0.5)
    size = grid.nearest_size(round(height * scale), round(width * scale))
    if recipe.prompts():
        return [Wish(words, None, size) for words in recipe.prompts()]
    items = [item for item in folder.items if item.num_frames == 1] or list(folder.items)
    chosen = [items[round(place * (len(items) - 1))] for place in (0.0, 0.5, 1.0)]
    said = [", ".join(part for part in (recipe.trigger, item.caption) if part) for item in chosen]
    picture = torch.from_numpy(fit(read_picture(chosen[2].path), *size)).float() / 255.0
    return [Wish(said[0], None, size), Wish(said[1], None, size), Wish(said[2], picture, size)]


def encode_texts(recipe: Recipe, place: Place, prompts: Sequence[str], texts: TextCache) -> None:
    if PartialState().is_main_process and any(not texts.path(prompt).exists() for prompt in prompts):
        encoder = load_text(recipe.model, place.files, place.dtype, place.tokenizer_folder)
        texts.fill(prompts, encoder.to(place.device).encode)
    PartialState().wait_for_everyone()


def batches_of(recipe: Recipe, pools: Sequence[Pool], cache: ExampleCache, texts: TextCache) -> LoraBatches:
    state = PartialState()
    words = Words(recipe.trigger, recipe.shuffle, recipe.keep_words, recipe.caption_dropout)
    place = (state.process_index, state.num_processes)
    return LoraBatches(pools, cache, texts, words, recipe.model, recipe.batch, recipe.seed, *place)


class Run:
    """The training itself, with the encoders gone."""

    def __init__(
        self,
        recipe: Recipe,
        place: Place,
        folder: TrainingFolder,
        shots: Sequence[Shot],
        texts: TextCache,
        should_stop: Callable[[], bool],
    ) -> None:
        gc.collect()
        if PartialState().is_main_process:
            recipe.save(place.run / "recipe.json")
        self.recipe, self.place, self.folder, self.shots, self.texts = recipe, place, folder, shots, texts
        self.should_stop = should_stop
        self.network = frozen(recipe, place)
        self.adapters = Adapters(self.network, recipe.adapters, recipe.seed)
        self.base: list[np.ndarray] = []
        self.done = saved_step(place.run)
        self.curve = Curve(place.run)
        self.curve.read(self.done)

    def train(self, batches: LoraBatches) -> Iterator[Event]:
        recipe, place = self.recipe, self.place
        objective = LoraObjective(self.network, recipe.model, recipe.levels())
        for now in train(
            self.adapters, batches, objective, recipe.loop, place.run, place.device, self.should_stop
        ):
            self.done = now.step
            smooth = self.curve.add(now.step, now.loss)
            left = now.seconds_per_step * (now.total - now.step)
            yield Stepped(now.step, now.total, now.loss, smooth, left, peak_gigabytes(place.device))
            if PartialState().is_main_process:
                yield from self.milestones(now)

    def milestones(self, now: Report) -> Iterator[Event]:
        """Checkpoint and samples, when their step has come."""
        assert isinstance(now.averaged, Adapters)
        recipe, is_last = self.recipe, now.step == now.total
        changes = now.averaged.changes()
        if now.step % recipe.save_every == 0 or is_last:
            path = checkpoint_path(self.place.run, recipe.name, now.step)
            save_lora(path, changes, recipe.model, metadata_of(recipe, self.folder, now.step))
            drop_old_checkpoints(self.place.run, recipe.name, recipe.keep)
            self.curve.write()
            yield Saved(now.step, path)
        if recipe.sample_every and (now.step % recipe.sample_every == 0 or is_last):
            yield from self.sample(now.step, changes)

    def sample(self, step: int, changes: dict[str, Change]) -> Iterator[Event]:
        release, folder = self.recipe.model, self.place.run / "samples"
        vae = load_vae(release, self.place.files, self.place.dtype, self.place.device)
        make = partial(make_samples, self.network, vae, release, self.shots, self.texts.read)
        self.network.eval()
        self.base = self.base or make(None)
        styled = make(changes)
        sheet, clips = write_samples(self.base, styled, folder, step, release.fps)
        ratio = motion_ratio(self.base, styled)
        yield Sampled(step, sheet, clips, ratio)
        low, high = MOTION_KEPT
        if not low <= ratio <= high:
            yield Warned(
                f"step {step}: samples move {ratio:.2f} times as much as the base model's; "
                + (
                    "raise prior or move_share, or stop earlier"
                    if ratio < low
                    else "lower move_share or learning_rate"
                )
            )

    def finished(self, seconds: float) -> Event:
        """The file, of the last step done."""
        path, step = self.place.file(self.recipe), self.done
        if PartialState().is_main_process:
            changes = self.adapters.changes()
            save_lora(path, changes, self.recipe.model, metadata_of(self.recipe, self.folder, step))
            self.curve.write()
        return Finished(path, step, step >= self.recipe.steps, seconds)


def frozen(recipe: Recipe, place: Place) -> Transformer:
    """The network to train beside, on its device."""
    # on a CPU torch's fused attention is slow to go back through
    more = {"attention": explicit_attention} if place.device.type == "cpu" else {}
    network = load_transformer(recipe.model, place.files, place.dtype, place.device, **more)
    assert isinstance(network, Transformer)
    network.requires_grad_(False).eval()
    if recipe.checkpointing:
        for block in network.blocks:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    return network


def peak_gigabytes(device: torch.device) -> float:
    """Of the GPU where there is one, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
