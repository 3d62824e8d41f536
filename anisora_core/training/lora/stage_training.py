"""One stage of a LoRA training, when everything is encoded: steps, samples and checkpoints."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ...checkpoints.load import read_lora
from ...data.training_folder import TrainingFolder
from ...lora.changes import Change
from ...lora.trainable import Adapters, acting
from ...media.thumbnails import read_thumbnail
from ..engine.events import Event, Saved, Stepped
from ..engine.loop import StepReport, train
from ..engine.loss_curve import LossCurve
from ..engine.processes import processes
from ..engine.run_folder import saved_step
from .base_model import load_base_model, peak_gigabytes
from .batches import LoraBatches
from .lora_file import (
    checkpoint_path,
    metadata_of,
    remove_old_checkpoints,
    save_lora,
    save_thumbnail,
    thumbnail_path,
)
from .resume import marks_of, own_path
from .samples import SampleMaker, thumbnail_of
from .stages import Stage


class StageTraining:
    """The encoders are gone by now. `before`: steps of earlier stages."""

    def __init__(self, maker: SampleMaker, stage: Stage, drawings: TrainingFolder, before: int) -> None:
        gc.collect()
        recipe, place = maker.recipe, maker.place
        self.recipe, self.place, self.stage, self.drawings = recipe, place, stage, drawings
        self.maker, self.before = maker, before
        self.folder, self.name = stage.folder(place.run), stage.name(recipe.name)
        self.path = stage.file(recipe, place)
        self.network = load_base_model(recipe, place, stage.part)
        self.adapters = Adapters(self.network, recipe.adapter_settings, recipe.seed)
        if resumed := stage.resumed_from(recipe):
            self.adapters.start_from(read_lora(resumed).changes, str(resumed))
        self.base: list[np.ndarray] = []
        self.thumbnail = read_thumbnail(thumbnail_path(self.path))
        self.done = saved_step(self.folder)
        self.curve = LossCurve(self.folder)
        self.curve.read(self.done)

    def train(self, batches: LoraBatches, should_stop: Callable[[], bool]) -> Iterator[Event]:
        recipe, device = self.recipe, self.place.device
        total = recipe.optimization.steps
        levels = recipe.levels(self.stage.low, self.stage.high)
        objective = recipe.strategy.objective(self.network, recipe, levels)
        precision = "float32" if self.place.dtype == torch.float32 else "bfloat16"
        settings = replace(recipe.training_settings, steps=self.stage.steps, precision=precision)
        with acting(self.network, self.adapters):
            for now in train(self.adapters, batches, objective, settings, self.folder, device, should_stop):
                self.done = now.step
                smooth = self.curve.add(now.step, now.loss)
                step = self.before + now.step
                left = now.seconds_per_step * max(0, total - step)
                yield Stepped(step, total, now.loss, smooth, left, peak_gigabytes(device))
                if processes().is_main_process:
                    with self.adapters.off():
                        yield from self.milestones(now)

    def milestones(self, now: StepReport) -> Iterator[Event]:
        """Samples and checkpoint, when their step has come."""
        assert isinstance(now.averaged, Adapters)
        samples, checkpoints, is_last = self.recipe.samples, self.recipe.checkpoints, now.step == now.total
        is_due = samples.sample_every and (
            is_last or now.step == samples.first_sample or now.step % samples.sample_every == 0
        )
        # one of two experts alone makes no clip, and both would not be in memory at once
        if is_due and self.stage.part == "transformer":
            yield from self.sample(now.step, now.averaged.changes())
        if now.step % checkpoints.save_every == 0 or is_last:
            path = checkpoint_path(self.folder, self.name, now.step)
            self.save(path, now.averaged)
            remove_old_checkpoints(self.folder, self.name, checkpoints.keep)
            self.curve.write()
            yield Saved(self.before + now.step, path)

    def sample(self, step: int, changes: dict[str, Change]) -> Iterator[Event]:
        vae = self.maker.load_vae()
        self.base = self.base or self.maker.make(self.network, vae)
        styled = self.maker.make(self.network, vae, (self.maker.styled(changes),))
        if self.base and styled:
            self.thumbnail = thumbnail_of(styled)
            yield from self.maker.compare(self.base, styled, self.folder, step)

    def save(self, path: Path, adapters: Adapters) -> None:
        metadata = metadata_of(
            self.recipe, self.drawings, marks_of(self.place.run), self.done, self.thumbnail
        )
        save_lora(path, adapters.changes(), self.recipe.model, metadata)

    def finish(self) -> Path:
        """The file, of the last step done, and its thumbnail beside it."""
        if processes().is_main_process:
            self.path = own_path(self.path, self.recipe, self.place.run)
            self.save(self.path, self.adapters)
            self.curve.write()
            if self.thumbnail is not None:
                save_thumbnail(self.path, self.thumbnail)
        processes().wait_for_everyone()  # a process that continues from it must find it
        return self.path
