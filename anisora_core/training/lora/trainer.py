"""From a recipe to a LoRA file: encode once, free the encoders, train, make samples on the way."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

import numpy as np

from ...checkpoints.detect import CARD
from ...checkpoints.load import read_lora
from ...data.training_folder import TrainingFolder, read_training_folder
from ...domain.release import Part
from ...families import VideoTransformer
from ...generation.components import Experts
from ...generation.loading import files_of_part, load_text, load_vae, load_vision
from ...generation.pipeline import vae_encoder
from ...lora.apply import changes_to, live
from ..engine.events import DatasetDescribed, Encoding, Event, Finished
from ..engine.processes import any_process, processes
from ..engine.run_folder import is_whole, locked
from ..strategies.encoding import ExampleEncoder
from .base_model import load_base_model
from .batches import LoraBatches
from .cache import ExampleCache, TextCache
from .dataset import examples_of, report_of
from .examples import Example, ExampleEncoders
from .lora_file import add_thumbnail
from .recipe import LoraRecipe
from .resume import remember, require_own, require_same
from .samples import SampleMaker, requests_of, shots_of, thumbnail_of
from .stage_training import StageTraining
from .stages import Place, has_begun, stages_of


def train_lora(
    recipe: LoraRecipe, place: Place, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Yields events; the last is `Finished`. Run again, it continues where it stopped.

    ValueError for what cannot be trained, a run folder that holds another training, or a name that another file has.
    """
    with locked(place.run) if processes().is_main_process else nullcontext():
        yield from _train(recipe, place, should_stop)


def _train(recipe: LoraRecipe, place: Place, should_stop: Callable[[], bool]) -> Iterator[Event]:
    began = time.monotonic()
    drawings = read_training_folder(checked_images(recipe))
    require_same(recipe, place, drawings)
    examples = examples_of(drawings, recipe)
    if not has_begun(recipe, place.run):
        require_own(recipe, place)
    yield DatasetDescribed(tuple(report_of(drawings, recipe).lines()))
    cache = ExampleCache(place.run / "cache", recipe.model, examples_encoded_by(recipe, place), recipe.seed)
    texts = TextCache(place.run / "cache", texts_encoded_by(recipe, place))
    encoders, encoder = load_encoders(recipe, place), recipe.strategy.example_encoder(recipe)
    shots = shots_of(requests_of(recipe, drawings), recipe, encoders)
    yield from encode(examples, cache, encoders, encoder, should_stop)
    del encoders, encoder
    if any_process(should_stop(), place.device):
        yield Finished((), 0, False, time.monotonic() - began)
        return
    batches = batches_of(recipe, examples, cache, texts)
    prompts = [recipe.model.negative_prompt, *(shot.prompt for shot in shots), *batches.prompts()]
    encode_texts(recipe, place, prompts, texts)
    if processes().is_main_process:
        remember(recipe, place, drawings)
    maker = SampleMaker(recipe, place, shots, texts, should_stop)
    yield from train_stages(maker, drawings, batches, began)


def train_stages(
    maker: SampleMaker, drawings: TrainingFolder, batches: LoraBatches, began: float
) -> Iterator[Event]:
    recipe = maker.recipe
    before, paths, is_whole = 0, list[Path](), False
    for stage in stages_of(recipe):
        training = StageTraining(maker, stage, drawings, before)
        yield from training.train(batches, maker.should_stop)
        paths.append(training.finish())
        before += training.done
        is_whole = training.done >= stage.steps  # more when the recipe asks for fewer than before
        del training
        if not is_whole:
            break
    else:
        wants_samples = recipe.model.boundary is not None and recipe.samples.sample_every
        if wants_samples and processes().is_main_process:
            yield from sample_experts(maker, paths)
    yield Finished(tuple(paths), before, is_whole, time.monotonic() - began)


def checked_images(recipe: LoraRecipe) -> Path:
    """The folder of drawings. ValueError when a LoRA to continue from is missing."""
    for stage in stages_of(recipe):
        resumed = stage.resumed_from(recipe)
        if resumed and not resumed.is_file():
            raise ValueError(
                f"resume_from_lora: {resumed} is not a file; give a LoRA file, or leave it empty"
            )
    return Path(recipe.data.images)


def examples_encoded_by(recipe: LoraRecipe, place: Place) -> str:
    """Names what examples depend on besides themselves: the files of their encoders, and the detector."""
    parts: list[Part] = ["vae", *(["image_encoder"] if recipe.model.has_clip_vision else [])]
    files = [file for part in parts for file in files_of_part(recipe.model, place.files, part)]
    return stamped(files) + recipe.data.detector


def texts_encoded_by(recipe: LoraRecipe, place: Place) -> str:
    files = files_of_part(recipe.model, place.files, "text_encoder")
    card = files[0].with_name(CARD)  # has the words that mini knows
    return stamped([*files, *([card] if card.exists() else [])])


def stamped(files: Sequence[Path]) -> str:
    """Another when one of the files is."""
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return ", ".join(f"{name} {size} {time}" for name, size, time in facts)


def load_encoders(recipe: LoraRecipe, place: Place) -> ExampleEncoders:
    vae = load_vae(recipe.model, place.files, place.dtype, place.device)
    vision = load_vision(recipe.model, place.files, place.dtype)
    return ExampleEncoders(vae_encoder(vae), None if vision is None else vision.encode)


def encode(
    examples: Sequence[Example],
    cache: ExampleCache,
    encoders: ExampleEncoders,
    encoder: ExampleEncoder,
    should_stop: Callable[[], bool],
) -> Iterator[Event]:
    """Every process encodes its part, or stops; then all are there."""
    state = processes()
    # divided before looking at what is there: another process may already be writing
    mine = cache.missing(examples[state.process_index :: state.num_processes])
    for done, _ in enumerate(cache.fill(mine, encoders, encoder), start=1):
        yield Encoding(len(examples) - len(mine) + done, len(examples))
        if should_stop():
            break
    state.wait_for_everyone()


def encode_texts(recipe: LoraRecipe, place: Place, prompts: Sequence[str], texts: TextCache) -> None:
    if processes().is_main_process and not all(is_whole(texts.path(prompt)) for prompt in prompts):
        encoder = load_text(recipe.model, place.files, place.dtype, place.tokenizer_folder)
        texts.fill(prompts, encoder.to(place.device).encode)
    processes().wait_for_everyone()


def batches_of(
    recipe: LoraRecipe, examples: Sequence[Example], cache: ExampleCache, texts: TextCache
) -> LoraBatches:
    state, pools = processes(), recipe.strategy.pools(examples, recipe)
    place = (state.process_index, state.num_processes)
    return LoraBatches(pools, cache, texts, recipe.captions, recipe.model, recipe.seed, *place)


def sample_experts(maker: SampleMaker, paths: Sequence[Path]) -> Iterator[Event]:
    """When both are trained: one alone makes no clip, and only one of them is in memory at a time."""
    recipe, place, in_use = maker.recipe, maker.place, ExitStack()
    stages = stages_of(recipe)
    changes = {stage.part: read_lora(path).changes for stage, path in zip(stages, paths, strict=True)}

    def load(part: Part, is_styled: bool) -> VideoTransformer:
        in_use.close()  # frees the other one,
        gc.collect()  # whose blocks refer to themselves when they are offloaded or checkpointed
        network = load_base_model(recipe, place, part)
        if is_styled and part in changes:
            in_use.enter_context(live(network, changes_to(network, [maker.styled(changes[part])])))
        return network

    def made(is_styled: bool) -> list[np.ndarray]:
        both = Experts(partial(load, "high_noise", is_styled), partial(load, "low_noise", is_styled))
        with in_use:
            return maker.make(both, maker.load_vae())

    base = made(False)
    styled = made(True) if base else []
    if styled:
        yield from maker.compare(base, styled, place.run, recipe.optimization.steps)
        for path in paths:
            add_thumbnail(path, thumbnail_of(styled))
