"""Whole LoRA trainings: what they leave, resuming, samples, and what goes wrong."""

from __future__ import annotations

import csv
import errno
import json
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.training_folder import read_training_folder
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.engine.events import (
    DatasetDescribed,
    Encoding,
    Finished,
    Sampled,
    Saved,
    Stepped,
    Warned,
)
from comfyui_anisora.anisora_core.training.lora import samples as samples_module
from comfyui_anisora.anisora_core.training.lora import trainer as trainer_module
from comfyui_anisora.anisora_core.training.lora.dataset import examples_of
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe, read_recipe, recipe_from
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora
from comfyui_anisora.anisora_core.training.objectives import AdapterMatching
from PIL import Image
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).parents[2]))
from small_inputs import TRAINING
from tiny_models import files_for, write_models

CPU = torch.device("cpu")


@pytest.mark.parametrize("count", [1, 5])
def test_a_number_of_moves_is_shared_out_evenly_among_drawings(count, images):
    folder = read_training_folder(images)
    assert len(folder.items) == 2
    examples = examples_of(folder, TRAINING.changed(variants=3, num_moves=count))
    moves = [example for example in examples if example.kind == "move"]
    assert sorted(move.variant for move in moves) == [0, 0, 1, 1, 2][:count]
    assert len(set(moves)) == count
    assert sum(example.kind == "still" for example in examples) == 3 * 2


def drawings(folder: Path, count: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        picture = np.random.default_rng(number).integers(0, 255, (48, 48, 3), np.uint8)
        Image.fromarray(picture).resize((64, 64)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"girl {number}, walks")
    return folder


def place(folder: Path, **more) -> Place:
    return Place(folder, folder / "run", {}, CPU, torch.float32, **more)


def trained(recipe: LoraRecipe, where: Place, stop_at: int | None = None) -> list:
    steps: list[int] = []
    events = []
    for event in train_lora(recipe, where, lambda: stop_at is not None and len(steps) + 1 >= stop_at):
        events.append(event)
        if isinstance(event, Stepped):
            steps.append(event.step)
    return events


def test_a_plain_picture_is_no_sample_to_start_from(tmp_path):
    folder = drawings(tmp_path / "set")
    Image.new("RGB", (64, 64), (220, 30, 30)).save(folder / "z.jpg")
    (folder / "z.txt").write_text("a red square")
    recipe = TRAINING.changed(images=str(folder), sample_prompts="")
    first, started = samples_module.requests_of(recipe, read_training_folder(folder))
    assert first.picture_HWC is None
    assert "girl 1" in started.caption
    assert float(started.picture_HWC.std()) > 0.05


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    return drawings(tmp_path_factory.mktemp("set") / "ink")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, images) -> tuple[Path, list]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, trained(TRAINING.changed(images=str(images)), place(folder))


def test_a_training_leaves_what_was_promised(whole, images):
    folder, events = whole
    assert isinstance(events[0], DatasetDescribed)
    assert [e.step for e in events if isinstance(e, Stepped)] == [1, 2, 3, 4]
    assert [e.done for e in events if isinstance(e, Encoding)][-1] == 4
    assert events[-1] == Finished((folder / "small.safetensors",), 4, True, events[-1].seconds)
    lora = read_lora(folder / "small.safetensors")
    assert lora.family.title == "Wan"
    assert not lora.unmatched
    with (folder / "run" / "loss.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    assert Image.open(folder / "run" / "loss.png").size == (640, 360)
    assert read_recipe(folder / "run" / "recipe.json") == TRAINING.changed(images=str(images))
    with safe_open(folder / "small.safetensors", "pt") as file:
        said = file.metadata()
    assert said["ss_network_dim"] == "4"
    assert said["ss_num_train_images"] == "2"
    assert json.loads(said["ss_tag_frequency"]) == {"ink": {"girl 0": 1, "walks": 2, "girl 1": 1}}
    assert said["modelspec.architecture"] == "wan-2.1-i2v/lora"
    assert said["modelspec.trigger_phrase"] == "ink style"
    assert recipe_from(json.loads(said["anisora.recipe"])) == TRAINING.changed(images=str(images))


def test_stopped_and_resumed_is_the_same_as_not_stopped(whole, images, tmp_path):
    recipe = TRAINING.changed(images=str(images))
    stopped = trained(recipe, place(tmp_path), stop_at=2)
    assert not stopped[-1].is_whole
    assert stopped[-1].step == 2
    assert (tmp_path / "small.safetensors").exists()
    resumed = trained(recipe, place(tmp_path))
    assert [e.step for e in resumed if isinstance(e, Stepped)] == [3, 4]
    ours, theirs = (torch.load(folder / "run" / "state.pt") for folder in (tmp_path, whole[0]))
    assert all(torch.equal(ours["ema"][name], value) for name, value in theirs["ema"].items())
    one, other = (read_lora(folder / "small.safetensors").changes for folder in (tmp_path, whole[0]))
    assert all(torch.equal(one[name].up, other[name].up) for name in other)
    again = trained(recipe, place(tmp_path))
    assert isinstance(again[-1], Finished)
    assert not [e for e in again if isinstance(e, Stepped | Encoding)]


def test_encoders_are_gone_before_the_first_step_and_not_needed_for_more(images, tmp_path, monkeypatch):
    loaded: list[weakref.ref] = []

    def watched(load):
        def call(*arguments):
            network = load(*arguments)
            loaded.append(weakref.ref(network))
            return network

        return call

    for name in ("load_vae", "load_text"):
        monkeypatch.setattr(trainer_module, name, watched(getattr(trainer_module, name)))
    recipe = TRAINING.changed(images=str(images), steps=1)
    for event in train_lora(recipe, place(tmp_path)):
        if isinstance(event, Stepped):
            assert [network() for network in loaded] == [None, None]
    assert len(loaded) == 2
    monkeypatch.setattr(trainer_module, "load_text", None)  # its features are on the disk
    assert trained(recipe.changed(steps=2), place(tmp_path))[-1].is_whole


def test_stopping_while_pictures_are_encoded_leaves_no_file(images, tmp_path):
    events = list(train_lora(TRAINING.changed(images=str(images)), place(tmp_path), lambda: True))
    assert events[-1].step == 0
    assert not list(tmp_path.glob("*.safetensors"))


def test_checkpoints_are_kept_as_many_as_asked(images, tmp_path):
    recipe = TRAINING.changed(images=str(images), save_every=1, keep=2, name="a[b]c")
    saved = [e.path for e in trained(recipe, place(tmp_path)) if isinstance(e, Saved)]
    assert len(saved) == 4
    assert [path.exists() for path in saved] == [False, False, True, True]


def test_a_loss_that_is_no_number_stops_with_what_was_saved(images, tmp_path, monkeypatch):
    recipe = TRAINING.changed(images=str(images))
    trained(recipe, place(tmp_path), stop_at=2)
    before = (tmp_path / "small.safetensors").read_bytes()
    monkeypatch.setattr(AdapterMatching, "__call__", lambda self, model, batch, rng: (
        next(model.parameters()).sum() * float("nan"), {}
    ))  # fmt: skip
    with pytest.raises(ValueError, match=r"not finite at step 3; step 2 is kept; lower learning_rate"):
        trained(recipe, place(tmp_path))
    assert torch.load(tmp_path / "run" / "state.pt")["step"] == 2
    assert (tmp_path / "small.safetensors").read_bytes() == before


def test_a_full_disk_leaves_the_last_state(images, tmp_path, monkeypatch):
    recipe = TRAINING.changed(images=str(images))
    trained(recipe, place(tmp_path), stop_at=2)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        trained(recipe, place(tmp_path))
    monkeypatch.undo()
    assert torch.load(tmp_path / "run" / "state.pt")["step"] == 2
    assert not list((tmp_path / "run").rglob("*.part*"))
    assert trained(recipe, place(tmp_path))[-1].is_whole


def test_drawings_that_vanish_after_encoding_are_not_missed(tmp_path, monkeypatch):
    images = drawings(tmp_path / "set")
    events = []
    for event in train_lora(TRAINING.changed(images=str(images)), place(tmp_path)):
        if isinstance(event, Stepped):
            for path in images.glob("*"):
                path.unlink()
        events.append(event)
    assert events[-1].is_whole
    with pytest.raises(ValueError, match="set"):
        trained(TRAINING.changed(images=str(images)), place(tmp_path))


def has_thumbnail(path: Path) -> bool:
    with safe_open(path, "pt") as file:
        return file.metadata().get("modelspec.thumbnail", "").startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(
    ("ratio", "advice"), [(0.5, "raise prior_preservation"), (1.5, "lower learning_rate, now 0.05")]
)
def test_samples_stand_beside_the_base_models_and_warn_of_motion(
    ratio, advice, images, tmp_path, monkeypatch
):
    recipe = TRAINING.changed(images=str(images), steps=5, sample_every=3, first_sample=1, learning_rate=0.05)
    monkeypatch.setattr(samples_module, "motion_ratio", lambda base, styled: ratio)
    events = trained(recipe, place(tmp_path))
    assert [e.step for e in events if isinstance(e, Sampled)] == [1, 3, 5]
    sampled = next(e for e in events if isinstance(e, Sampled))
    assert Image.open(sampled.sheet).size[1] >= 2 * 2 * 32  # two shots, two rows each
    assert len(sampled.clips) == 2
    assert all(Image.open(clip).n_frames == 5 for clip in sampled.clips)
    warned = [e.text for e in events if isinstance(e, Warned)]
    assert all(f"{ratio:.2f} times as much" in text and advice in text for text in warned)
    assert len(warned) == 3
    assert Image.open(tmp_path / "small.png").size == (32, 32)
    assert has_thumbnail(tmp_path / "small.safetensors")
    trained(recipe, place(tmp_path))  # nothing is left to do; the file is written again
    assert has_thumbnail(tmp_path / "small.safetensors")


def test_samples_are_guided_as_asked(images, tmp_path):
    def base_row(cfg: float) -> np.ndarray:
        recipe = TRAINING.changed(images=str(images), steps=1, sample_every=1, sample_cfg=cfg)
        (sample,) = (
            event for event in trained(recipe, place(tmp_path / str(cfg))) if isinstance(event, Sampled)
        )
        return np.split(np.asarray(Image.open(sample.sheet)), 4)[0]

    rows = [base_row(cfg) for cfg in (0.0, RELEASES["mini"].cfg_scale, 1.0)]
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[1], rows[2])


@pytest.mark.parametrize("release", ["V1", "V3.1", "V3.2"])
def test_every_family_can_be_trained(release, images, tmp_path):
    write_models(tmp_path / "models")
    where = replace(place(tmp_path), files=files_for(release, tmp_path / "models"))
    recipe = TRAINING.changed(
        images=str(images),
        release=release,
        max_pixels=48 * 48,
        length=9,
        gradient_checkpointing=True,
        high_share=0.5,
        base="fp8",
        blocks_to_swap=1,
        learning_rate=1e-2,
        sample_every=4,
    )
    events = trained(recipe, where)
    finished = events[-1]
    suffixes = ["_high_noise", "_low_noise"] if release == "V3.2" else [""]
    assert [path.name for path in finished.paths] == [f"small{suffix}.safetensors" for suffix in suffixes]
    for path in finished.paths:
        lora = read_lora(path)
        assert lora.family.title == ("CogVideoX" if release == "V1" else "Wan")
        assert not lora.unmatched
        assert any(change.up.abs().max() > 0 for change in lora.changes.values())
    (sample,) = (event for event in events if isinstance(event, Sampled))  # of two experts, in the end
    base, styled, *_ = np.split(np.asarray(Image.open(sample.sheet).convert("L"), int), 4)
    assert np.abs(base - styled).max() > 4
    assert all(path.with_suffix(".png").exists() and has_thumbnail(path) for path in finished.paths)
