"""LoRA training: what acts on the network, what is minimised, what a step sees, and what a stopped run keeps."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import sys
import types
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.pseudo_clips import ENLARGED, MOVES, SHOWN, pseudo_clip
from comfyui_anisora.anisora_core.data.training_folder import Item, read_training_folder
from comfyui_anisora.anisora_core.diffusion.prediction import Velocity
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.generation.plan import plan_sampling
from comfyui_anisora.anisora_core.lora.apply import LoraUse, changes_to, live
from comfyui_anisora.anisora_core.lora.trainable import Adapters, AdapterSettings, acting
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.conditions import random_keyframes
from comfyui_anisora.anisora_core.training.engine.events import (
    DatasetDescribed,
    Encoding,
    Finished,
    Sampled,
    Saved,
    Stepped,
    Warned,
    from_json,
    to_json,
)
from comfyui_anisora.anisora_core.training.engine.loop import train
from comfyui_anisora.anisora_core.training.engine.settings import TrainingSettings
from comfyui_anisora.anisora_core.training.lora import samples as samples_module
from comfyui_anisora.anisora_core.training.lora import trainer as trainer_module
from comfyui_anisora.anisora_core.training.lora.batches import LoraBatches, Pool, pools_of, prompt_of
from comfyui_anisora.anisora_core.training.lora.dataset import examples_of
from comfyui_anisora.anisora_core.training.lora.examples import EncodedExample, Example, Motion
from comfyui_anisora.anisora_core.training.lora.lora_file import save_lora
from comfyui_anisora.anisora_core.training.lora.options import CaptionOptions, StepShares
from comfyui_anisora.anisora_core.training.lora.presets import PRESETS
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe, preset, read_recipe, recipe_from
from comfyui_anisora.anisora_core.training.lora.stages import Place, stages_of
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora
from comfyui_anisora.anisora_core.training.noise_levels import NoiseLevels
from comfyui_anisora.anisora_core.training.objectives import AdapterMatching
from comfyui_anisora.anisora_core.training.strategies.encoding import KEYFRAMES
from PIL import Image
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).parents[2]))
from small_inputs import TRAINING
from tiny_models import files_for, write_models

CPU = torch.device("cpu")


def network() -> WanTransformer:
    torch.manual_seed(0)
    model = WanTransformer(replace(DEBUG, text_dim=8, text_len=4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def inputs(batch: int = 2) -> tuple[torch.Tensor, ...]:
    return torch.randn(batch, 36, 2, 4, 4), torch.full((batch,), 300.0), torch.randn(batch, 4, 8)


def learned(adapters: Adapters) -> Adapters:
    with torch.no_grad():
        for parameter in adapters.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return adapters


@pytest.mark.parametrize("is_dora", [False, True])
def test_adapters_start_as_nothing_and_act_as_their_file_does(is_dora, tmp_path):
    model, x = network(), inputs()
    plain = model(*x)
    adapters = Adapters(model, AdapterSettings(rank=4, alpha=2.0, is_dora=is_dora), seed=0)
    with acting(model, adapters):
        assert torch.allclose(model(*x), plain, atol=1e-6)
    learned(adapters).eval()
    with acting(model, adapters):
        changed = model(*x)
    assert (changed - plain).abs().max() > 0.01
    assert torch.equal(model(*x), plain)
    save_lora(tmp_path / "style.safetensors", adapters.changes(), RELEASES["V3.1"], {})
    use = LoraUse(read_lora(tmp_path / "style.safetensors"))
    with live(model, changes_to(model, [use])):
        assert torch.allclose(model(*x), changed, atol=1e-5)


def test_learning_rate_is_the_releases_own_unless_one_is_asked_for():
    quick = preset("quick look")
    large = quick.changed(release="V3.1")
    assert quick.training_settings.learning_rate > 10 * large.training_settings.learning_rate > 0
    assert large.changed(learning_rate=3e-5).training_settings.learning_rate == 3e-5
    assert large.changed(optimizer="prodigy").training_settings.learning_rate == 1.0


def test_only_targeted_layers_are_changed_and_a_wrong_pattern_is_told():
    adapters = Adapters(network(), AdapterSettings(targets=r"blocks\.\d+\.self_attn\.(q|v)"), seed=0)
    assert set(adapters.names) == {f"blocks.{i}.self_attn.{n}" for i in range(DEBUG.num_layers) for n in "qv"}
    for targets in ("nothing", "("):
        with pytest.raises(ValueError, match=r"^targets '"):
            Adapters(network(), AdapterSettings(targets=targets), seed=0)


def test_dropout_belongs_to_a_clip_not_to_its_batch():
    model, (x, t, text) = network(), inputs(3)
    adapters = learned(Adapters(model, AdapterSettings(rank=8, dropout=0.5), seed=0)).train()

    def run(rows: list[int], keys: list[int]) -> torch.Tensor:
        adapters.keys = keys
        with acting(model, adapters):
            return model(x[rows], t[rows], text[rows])

    together = run([0, 1, 2], [7, 8, 9])
    assert torch.allclose(torch.cat([run([i], [7 + i]) for i in range(3)]), together, atol=1e-5)
    assert not torch.allclose(run([0], [70]), together[:1], atol=1e-3)
    adapters.eval()
    assert torch.equal(run([0], [70]), run([0], [7]))


@pytest.mark.parametrize("sampling", ["uniform", "logit_normal", "shift"])
def test_noise_levels_fill_their_range_and_experts_share_the_whole(sampling):
    whole = NoiseLevels(sampling, 5.0)
    drawn = np.array([whole((i + 0.5) / 4000) for i in range(4000)])
    assert 0.0 <= drawn.min() < 0.05 < 0.95 < drawn.max() <= 1.0
    assert (np.diff(drawn) >= 0).all()
    high = np.array([replace(whole, low=0.9)((i + 0.5) / 1000) for i in range(1000)])
    assert high.min() == pytest.approx(0.9, abs=1e-3)
    assert np.median(high) == pytest.approx(np.median(drawn[drawn >= 0.9]), abs=2e-3)


@pytest.mark.parametrize("name", [name for name, release in RELEASES.items() if release.family == "wan"])
def test_levels_of_the_sampler_are_its_own_and_experts_share_them(name):
    recipe = LoraRecipe(release=name).changed(timestep_sampling="sampler")
    drawn = [
        {recipe.levels(stage.low, stage.high)((i + 0.5) / 400) for i in range(400)}
        for stage in stages_of(recipe)
    ]
    sampled = plan_sampling(RELEASES[name]).sigmas[:-1]
    assert sorted(sigma for part in drawn for sigma in part) == sorted(sampled)


def test_an_expert_without_a_level_of_the_sampler_is_told():
    recipe = LoraRecipe(release="V3.2").changed(timestep_sampling="sampler", shift=100.0)
    with pytest.raises(
        ValueError, match=r"^timestep_sampling sampler: none of its noise levels is in 0\.0\.\.0\.9"
    ):
        recipe.levels(0.0, 0.9)(0.5)


def test_velocity_is_learned_where_it_is_sampled():
    """A network that answers the target is sampled to x0 exactly, at the levels of V1's own steps."""
    x0, noise = torch.randn(1, 16, 2, 4, 4), torch.randn(1, 16, 2, 4, 4)
    predict = Velocity(1000)
    for level in (0.2, 0.5, 0.9):
        levels = NoiseLevels("uniform", 1.0)
        x, timestep, target = predict.training_point(x0, noise, torch.tensor([level]), levels)
        from comfyui_anisora.anisora_core.diffusion.schedules import (
            cogvideox_alphas,
            sigma_of_alpha,
            zero_terminal_snr,
        )

        alpha = zero_terminal_snr(cogvideox_alphas())[int(timestep)]
        sigma = sigma_of_alpha(alpha)
        flow_point = x / (alpha + (1 - alpha * alpha) ** 0.5)
        assert torch.allclose(predict.denoised(flow_point, sigma, target), x0, atol=1e-4)


def prior_batch() -> dict[str, torch.Tensor]:
    """Two clips with all of them given."""
    return {
        "latent": torch.randn(2, 16, 2, 4, 4),
        "guide": torch.randn(2, 16, 2, 4, 4),
        "mask": torch.ones(2, 4, 2, 4, 4),
        "text": torch.ones(2, 4, 8),
        "prior_text": torch.ones(2, 4, 8),
        "key": torch.tensor([1, 2]),
        "level": torch.tensor([0.2, 0.8]),
    }


def test_a_prior_step_wants_the_network_as_it_was():
    model = network()
    adapters = Adapters(model, AdapterSettings(rank=4), seed=0)
    objective = AdapterMatching(model, RELEASES["V3.2"], NoiseLevels("shift", 5.0))
    batch = prior_batch()

    def loss(**changes: torch.Tensor) -> float:
        with torch.no_grad(), acting(model, adapters):
            return float(objective(adapters, batch | changes, torch.Generator())[0])

    assert loss() == pytest.approx(0.0, abs=1e-8)
    learned(adapters)
    assert loss() > 1e-4
    assert float(loss(prior_text=torch.randn(2, 4, 8))) > 1e-4
    del batch["prior_text"]
    assert loss() > 0.1


@pytest.mark.parametrize(("more", "times"), [({"given_weight": 0.0}, 1 / 3), ({"prior_weight": 1.0}, 1 / 4)])
def test_errors_count_more_where_something_is_given_and_in_what_is_to_stay(more, times):
    model = network()
    adapters = learned(Adapters(model, AdapterSettings(rank=4), seed=0))
    batch = prior_batch()
    objective = AdapterMatching(model, RELEASES["V3.2"], NoiseLevels("shift", 5.0))
    with torch.no_grad(), acting(model, adapters):
        usual = objective(adapters, batch, torch.Generator())[0]
        other = replace(objective, **more)(adapters, batch, torch.Generator())[0]
    assert float(other / usual) == pytest.approx(times, rel=1e-4)


def item(name: str, num_frames: int = 1, repeats: int = 1) -> Item:
    content = hashlib.sha256(name.encode()).hexdigest()  # hash() differs between runs
    return Item(Path(name), 64, 64, num_frames, name, repeats, content)


def test_shares_of_steps_go_to_stills_clips_and_keyframes():
    examples = [Example(item(n), "still", (32, 32), 1, 0, 12.0) for n in "abc"]
    examples += [Example(item(n), "move", (32, 32), 5, 0, 12.0) for n in "abc"]
    examples += [Example(item("d", 9), "clip", (32, 32), 9, 0, 12.0)]
    pools = pools_of(examples, StepShares(0.4, 0.2, 0.4, 0.25), batch_size=4, clip_batch_size=2)
    by_kind = {(p.examples[0].kind, p.is_given, p.is_prior): p.share for p in pools}
    assert by_kind[("still", False, False)] == pytest.approx(0.4)
    assert by_kind[("move", False, False)] == pytest.approx(0.2 * 3 / 4)
    assert by_kind[("move", True, True)] == pytest.approx(0.4 * 0.25 * 3 / 4)
    assert sum(by_kind.values()) == pytest.approx(1.0)
    assert [pool.batch_size for pool in pools] == [4, *[2] * 6]


def test_shapes_are_seen_as_often_as_their_drawings_repeats_say():
    upright = [Example(item(n, repeats=10), "still", (48, 32), 1, 0, 12.0) for n in "abc"]
    wide = [Example(item(n), "still", (32, 48), 1, 0, 12.0) for n in "def"]
    pools = pools_of([*upright, *wide], StepShares(1.0, 0.0, 0.0), batch_size=4, clip_batch_size=4)
    assert [pool.share for pool in pools] == pytest.approx([10 / 11, 1 / 11])


@pytest.mark.parametrize("count", [1, 5])
def test_a_number_of_moves_is_shared_out_evenly_among_drawings(count, images):
    folder = read_training_folder(images)
    assert len(folder.items) == 2
    examples = examples_of(folder, TRAINING.changed(variants=3, num_moves=count))
    moves = [example for example in examples if example.kind == "move"]
    assert sorted(move.variant for move in moves) == [0, 0, 1, 1, 2][:count]
    assert len(set(moves)) == count
    assert sum(example.kind == "still" for example in examples) == 3 * 2


def test_motion_areas_are_learned_from_clips_with_their_area_alone():
    assert TRAINING.changed(task="motion area").step_shares == StepShares(0.0, 0.0, 1.0, 0.0)
    assert TRAINING.step_shares == TRAINING.shares


def test_prompts_say_the_style_and_what_moves_and_plain_ones_not_the_style():
    release = RELEASES["mini"]
    example = Example(replace(item("a"), caption="Ink style, a girl, a cat"), "move", (32, 32), 5, 0, 12.0)
    made = Motion(score=2.0, words="camera pans left")
    captions = CaptionOptions("ink style")
    assert (
        prompt_of(example, made, captions, release, 0)
        == "Ink style, a girl, a cat. camera pans left. motion score: 2.0."
    )
    batches = LoraBatches([], None, None, captions, release, seed=0)
    assert batches.prior_prompt(example, made) == "a girl, a cat. camera pans left. motion score: 2.0."
    alone = CaptionOptions("ink style", use_captions=False)
    assert prompt_of(example, made, alone, release, 0) == "ink style. camera pans left. motion score: 2.0."
    shuffled = {
        prompt_of(example, made, CaptionOptions("", shuffle=True, keep_tokens=1), release, n)
        for n in range(6)
    }
    assert len(shuffled) == 2
    assert all(text.startswith("Ink style, a ") for text in shuffled)


class Kept:
    """A cache of one example, and of texts that are the prompt's length."""

    def read(self, what: Example | str) -> EncodedExample | torch.Tensor:
        if isinstance(what, str):
            return torch.tensor([len(what)])
        latent = torch.ones(16, 2, 4, 4)
        return EncodedExample(latent, latent, latent[:4], 3 * latent, Motion(2.0, "camera pans left"))


@pytest.mark.parametrize("dropout", [0.0, 1.0])
def test_a_prior_step_asks_as_artists_do_and_wants_what_the_network_says_without_the_trigger(dropout):
    example = Example(replace(item("a"), caption="ink style, a girl"), "move", (32, 32), 5, 0, 12.0)
    pools = [Pool([example], 1.0, 1, is_given=True, is_prior=True)]
    captions = CaptionOptions("ink style", caption_dropout=dropout)
    row = LoraBatches(pools, Kept(), Kept(), captions, RELEASES["mini"], seed=0)[0]
    lengths = [len(f"{start}a girl. motion score: 2.5.") for start in ("ink style, ", "")]
    assert [int(row["text"]), int(row["prior_text"])] == ([0, 0] if dropout else lengths)


@pytest.mark.parametrize("self_guided", [False, True])
def test_a_still_is_given_nothing_unless_it_is_to_be_its_own_guide(self_guided):
    """What the peers' way gets wrong: a model that is shown its answer learns to copy."""
    example = Example(item("a"), "still", (32, 32), 1, 0, 12.0, self_guided=self_guided)
    row = LoraBatches([Pool([example], 1.0, 1)], Kept(), Kept(), CaptionOptions(), RELEASES["mini"], seed=0)[
        0
    ]
    assert row["mask"].shape == (1, 4, 2, 4, 4)
    assert torch.all(row["mask"] == (1.0 if self_guided else 0.0))
    assert torch.all(row["guide"] == (1.0 if self_guided else 3.0))  # 3: what an empty canvas encodes to


def test_every_process_has_a_batch_of_its_own():
    pool = Pool([Example(item("a"), "move", (32, 32), 5, 0, 12.0)], 1.0, batch_size=2)
    batches = LoraBatches([pool], Kept(), Kept(), CaptionOptions(), RELEASES["mini"], seed=0)
    assert {len(value) for value in batches[0].values()} == {2}
    half = LoraBatches([pool], Kept(), Kept(), CaptionOptions(), RELEASES["mini"], seed=0, rank=1, world=2)
    assert {len(value) for value in half[0].values()} == {2}


def test_keyframes_of_moving_drawings_are_drawn_as_the_paper_draws_them():
    """At most two; in half of the clips the first frame alone, else first and last, the last, or any."""
    frames = np.zeros((9, 8, 8, 3), np.uint8)
    drawn = [
        tuple(key.frame for key in random_keyframes(frames, KEYFRAMES, np.random.default_rng(seed), 4))
        for seed in range(400)
    ]
    assert {len(keys) for keys in drawn} == {1, 2}
    assert all(
        key.strength == 1.0 for key in random_keyframes(frames, KEYFRAMES, np.random.default_rng(0), 4)
    )
    assert drawn.count((0,)) / 400 == pytest.approx(0.5, abs=0.1)
    assert drawn.count((0, 8)) / 400 == pytest.approx(0.2, abs=0.1)
    assert drawn.count((8,)) / 400 == pytest.approx(0.1, abs=0.1)
    assert len(set(drawn)) > 3


@pytest.mark.parametrize("move", MOVES)
def test_pseudo_clips_move_as_far_as_they_say(move):
    side = round(64 * ENLARGED)
    y, x = np.mgrid[0:side, 0:side] * 255 / side
    picture = np.stack([x, y, (x + y) / 2], axis=-1).astype(np.uint8)
    clips = (pseudo_clip(picture, 3, 1.0, 64, 64, np.random.default_rng(seed)) for seed in range(60))
    clip = next(clip for clip in clips if clip.move == move)
    assert clip.frames_FHWC.shape == (3, 64, 64, 3)
    assert clip.speed > 0
    assert clip.words.startswith("camera ") == (move != "sway")  # swaying goes unsaid
    # red rises from 0 to 255 across, green down: the picture itself says how far it went
    steps = np.diff(clip.frames_FHWC[..., :2].astype(float), axis=0) / 255
    went = np.hypot(steps[..., 0], steps[..., 1]).mean() / SHOWN
    assert went == pytest.approx(clip.speed, rel=0.1)
    assert all((a != b).any() for a, b in zip(clip.frames_FHWC, clip.frames_FHWC[1:], strict=False))


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


def test_options_out_of_their_range_are_told_by_name(tmp_path):
    for name, value in (
        ("rank", 0),
        ("steps", "many"),
        ("schedule", "linear"),
        ("dropout", float("nan")),
        ("dora", 1),
    ):
        with pytest.raises(ValueError, match=f"^{name} "):
            TRAINING.changed(**{name: value})
    with pytest.raises(ValueError, match="all 0"):
        TRAINING.changed(still_share=0.0, move_share=0.0, given_share=0.0)


@pytest.mark.parametrize(("name", "package"), [("prodigy", "prodigyopt"), ("adamw8bit", "bitsandbytes")])
def test_optimizers_of_other_packages_are_theirs(name, package, tmp_path, monkeypatch):
    """As each is called here, and one line where the package is not installed."""

    class Theirs(torch.optim.SGD):
        def __init__(self, params, lr, betas, weight_decay):
            assert (betas, weight_decay) == ((0.9, 0.98), 0.01)
            super().__init__(params, lr)

    def run() -> torch.Tensor:
        model = torch.nn.Linear(2, 2, bias=False)
        torch.nn.init.ones_(model.weight)
        settings = TrainingSettings(
            1, 0.5, warmup=1, ema_decay=0.0, optimizer=name, precision="float32", max_grad_norm=1e3
        )
        batches = torch.utils.data.TensorDataset(torch.zeros(1))
        list(train(model, batches, lambda m, *_: (m.weight.sum(), {}), settings, tmp_path / name, CPU))
        return model.weight.detach()

    theirs = types.ModuleType(package)
    theirs.Prodigy = theirs.AdamW8bit = Theirs
    monkeypatch.setitem(sys.modules, package, theirs)
    monkeypatch.setitem(sys.modules, f"{package}.optim", theirs)
    assert torch.allclose(run(), torch.full((2, 2), 0.5))
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.optim", None)
    with pytest.raises(ValueError, match=f"package {package}; run: pip install {package}"):
        run()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_recipes_that_read_back(name, tmp_path):
    preset(name).save(tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == preset(name)


def test_events_cross_processes():
    for event in (
        DatasetDescribed(("20 pictures",)),
        Warned("x"),
        Encoding(1, 2),
        Stepped(1, 2, 0.5, 0.4, 3.0, 1.0),
        Sampled(1, Path("a.jpg"), (Path("b.webp"),), 1.0),
        Saved(1, Path("c")),
        Finished((Path("d"), Path("e")), 2, True, 1.0),
    ):
        assert from_json(to_json(event)) == event
    with pytest.raises(ValueError, match="is not an event"):
        from_json('{"a": 1}')
