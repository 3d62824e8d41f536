"""What a training goes on with, and which files it may replace."""

from __future__ import annotations

import json
import shutil
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.generation.loading import ASSETS
from comfyui_anisora.anisora_core.training.engine.events import Finished, Stepped
from comfyui_anisora.anisora_core.training.engine.loss_curve import LossCurve
from comfyui_anisora.anisora_core.training.lora import stage_training as stage_module
from comfyui_anisora.anisora_core.training.lora import trainer as trainer_module
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from comfyui_anisora.anisora_core.training.lora.stages import Place, is_done, stages_of
from comfyui_anisora.anisora_core.training.lora.trainer import examples_encoded_by, train_lora
from comfyui_anisora.nodes.training_service.job import TrainingJob
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from small_inputs import TRAINING, draw_noise
from tiny_models import files_for, write_models

CPU = torch.device("cpu")
SMALL = TRAINING.changed(name="ink", steps=2, batch_size=1)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "drawings").mkdir()
    draw_noise(tmp_path / "drawings")
    return tmp_path / "drawings"


def place(folder: Path, **more) -> Place:
    return replace(Place(folder / "loras", folder / "run", {}, CPU, torch.float32), **more)


def steps_of(recipe: LoraRecipe, where: Place) -> list[int]:
    return [event.step for event in train_lora(recipe, where) if isinstance(event, Stepped)]


def test_what_differs_is_named_and_nothing_runs(images, tmp_path):
    recipe = SMALL.changed(images=str(images))
    assert steps_of(recipe, place(tmp_path)) == [1, 2]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    others = tmp_path / "others"
    others.mkdir()
    draw_noise(others, first=10)
    smaller = tmp_path / "mini"
    shutil.copytree(ASSETS / "mini", smaller)
    (smaller / "transformer.safetensors").write_bytes(b"another")
    for changed, where, said in (
        (recipe.changed(rank=8), place(tmp_path), r"^rank: .* holds a training with rank 4"),
        (
            recipe.changed(steps=3, images=str(others)),
            place(tmp_path),
            rf"^images: .* of {images}; use that, choose another name",
        ),
        (
            recipe.changed(steps=3),
            place(tmp_path, files={"transformer": smaller}),
            r"^transformer: .* for another base model, transformer\.safetensors; use that, choose another name",
        ),
    ):
        with pytest.raises(ValueError, match=said):
            steps_of(changed, where)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_folder_that_moved_and_grew_goes_on(images, tmp_path):
    steps_of(SMALL.changed(images=str(images)), place(tmp_path))
    moved = images.rename(tmp_path / "moved")
    draw_noise(moved, first=10)
    assert steps_of(SMALL.changed(images=str(moved), steps=3), place(tmp_path)) == [3]


def test_a_lora_that_others_made_is_not_replaced(images, tmp_path):
    recipe = SMALL.changed(images=str(images))
    theirs = tmp_path / "loras" / "ink.safetensors"
    theirs.parent.mkdir()
    for metadata in (None, {"anisora.recipe": json.dumps({"images": "/elsewhere"})}, {"anisora.recipe": "?"}):
        save_file({"a": torch.ones(2)}, theirs, metadata)
        content = theirs.read_bytes()
        with pytest.raises(
            ValueError, match=r"^name: .*ink.safetensors exists, and is not a LoRA of .*drawings"
        ):
            steps_of(recipe, place(tmp_path))
        assert theirs.read_bytes() == content
    theirs.write_bytes(b"no LoRA at all")
    with pytest.raises(ValueError, match=r"^name: "):
        steps_of(recipe, place(tmp_path))
    theirs.unlink()
    steps_of(recipe, place(tmp_path))
    shutil.rmtree(tmp_path / "run")  # as the messages say
    assert steps_of(recipe.changed(rank=8), place(tmp_path)) == [1, 2]
    assert next(iter(read_lora(theirs).changes.values())).up.shape[1] == 8


def test_a_second_training_of_a_name_in_another_folder_replaces_nothing(images, tmp_path):
    recipe = SMALL.changed(images=str(images))
    first, second = place(tmp_path), replace(place(tmp_path), run=tmp_path / "second")
    steps_of(recipe.changed(steps=1), first)
    content = (tmp_path / "loras" / "ink.safetensors").read_bytes()
    *_, event = train_lora(recipe, second)
    assert event.paths == (tmp_path / "loras" / "ink_2.safetensors",)
    assert [*event.paths] == TrainingJob(recipe, second).paths  # which the node loads
    assert TrainingJob(recipe, first).paths == [tmp_path / "loras" / "ink.safetensors"]
    assert (tmp_path / "loras" / "ink.safetensors").read_bytes() == content
    # A run folder that was moved is the same.
    shutil.move(tmp_path / "run", tmp_path / "moved")
    *_, event = train_lora(recipe, replace(first, run=tmp_path / "moved"))
    assert event.paths == (tmp_path / "loras" / "ink.safetensors",)


def test_two_do_not_train_in_one_folder(images, tmp_path):
    recipe = SMALL.changed(images=str(images))
    first = train_lora(recipe, place(tmp_path))
    next(first)
    with pytest.raises(ValueError, match=r"^name: another training runs in .*run"):
        steps_of(recipe, place(tmp_path))
    first.close()
    assert steps_of(recipe, place(tmp_path)) == [1, 2]


def test_a_line_cut_short_in_the_log_is_left_out(tmp_path):
    rows = [json.dumps({"step": step, "loss": 1.0 / step}) + "\n" for step in (1, 2, 3)]
    (tmp_path / "loss.jsonl").write_text(rows[0] + rows[1][:12] + rows[2] + rows[1] + rows[2][:9])
    curve = LossCurve(tmp_path)
    curve.read(until=3)
    assert curve.steps == [1, 2]


def test_other_encoders_and_another_detector_encode_again(images, tmp_path):
    recipe, where = SMALL.changed(images=str(images)), place(tmp_path)
    mini = tmp_path / "mini"
    shutil.copytree(ASSETS / "mini", mini)
    other = place(tmp_path, files={"transformer": mini})
    seen = {examples_encoded_by(recipe, where), examples_encoded_by(recipe.changed(detector="u2net"), where)}
    (mini / "vae-00001-of-00002.safetensors").write_bytes(b"another")
    seen.add(examples_encoded_by(recipe, other))
    assert len(seen) == 3
    (mini / "card.json").write_text("{}")  # says how it was trained, which changes no latent
    assert examples_encoded_by(recipe, other) in seen


def test_experts_have_their_shares_of_the_steps_one_at_a_time_and_fewer_may_be_asked_for(
    images, tmp_path, monkeypatch
):
    recipe = SMALL.changed(images=str(images), release="V3.2", max_pixels=48 * 48, steps=8, high_share=0.75)
    assert [stage.steps for stage in stages_of(recipe)] == [6, 2]
    write_models(tmp_path / "models")
    where = place(tmp_path, files=files_for("V3.2", tmp_path / "models"))
    steps: list[int] = []
    for event in train_lora(recipe, where, lambda: len(steps) == 2):
        if isinstance(event, Stepped):
            steps.append(event.step)
    assert steps == [1, 2, 3]
    assert not is_done(recipe, where.run)
    fewer = recipe.changed(steps=3)  # 2 and 1: the first expert has more already
    assert not is_done(fewer, where.run)
    alive: list[str] = []
    load = trainer_module.load_base_model

    def watched(recipe, place, part):
        assert not alive
        network = load(recipe, place, part)
        alive.append(part)
        weakref.finalize(network, alive.remove, part)
        return network

    for module in (trainer_module, stage_module):
        monkeypatch.setattr(module, "load_base_model", watched)
    events = list(train_lora(fewer.changed(sample_every=1, blocks_to_swap=1), where))
    assert [event.step for event in events if isinstance(event, Stepped)] == [4]
    assert events[-1] == Finished(events[-1].paths, 4, True, events[-1].seconds)
    assert all(path.exists() for path in events[-1].paths)
    assert len(events[-1].paths) == 2
    assert is_done(fewer, where.run)
