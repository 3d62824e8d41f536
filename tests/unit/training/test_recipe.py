"""Options of a LoRA training: one definition, nested groups, and what files, flags and lines of earlier versions said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from comfyui_anisora.anisora_core.training.engine.optimizers import LORA_OPTIMIZERS
from comfyui_anisora.anisora_core.training.engine.settings import SCHEDULES
from comfyui_anisora.anisora_core.training.lora.curriculum import read_curriculum, recipes_of
from comfyui_anisora.anisora_core.training.lora.option_field import named_options
from comfyui_anisora.anisora_core.training.lora.presets import PRESETS
from comfyui_anisora.anisora_core.training.lora.recipe import (
    OPTIONS,
    LoraRecipe,
    find_option,
    preset,
    read_recipe,
)
from comfyui_anisora.anisora_core.training.noise_levels import TIMESTEP_SAMPLINGS
from comfyui_anisora.anisora_core.training.strategies import STRATEGIES
from comfyui_anisora.cli.train_lora import parser, recipe_of

#: Written by version 0.1.0, before options had groups.
FLAT = Path(__file__).parents[2] / "data" / "recipes" / "flat_0_1_0.json"
#: A value other than the default for every option that was renamed, by its old name.
RENAMED = {
    "batch": 3,
    "clip_batch": 2,
    "accumulate": 2,
    "clip_norm": 0.5,
    "checkpointing": True,
    "swap_blocks": 5,
    "keep_words": 2,
    "prior": 0.25,
    "start": "a.safetensors",
    "area": 4096,
    "timesteps": "uniform",
    "captions": False,
}


def test_a_flat_recipe_of_an_earlier_version_is_read_and_written_in_groups(tmp_path):
    recipe, said = read_recipe(FLAT), json.loads(FLAT.read_text())
    assert {find_option(name).name: value for name, value in said.items()} == recipe.flat()
    assert recipe.optimization.batch_size == 3
    assert recipe.adapter.resume_from_lora == "earlier.safetensors"
    assert recipe.task == "motion area"
    recipe.save(tmp_path / "recipe.json")
    again = json.loads((tmp_path / "recipe.json").read_text())
    assert again["optimization"]["optimizer"] == "prodigy"
    assert again["captions"]["use_captions"] is False
    assert read_recipe(tmp_path / "recipe.json") == recipe


def test_every_old_name_belongs_to_one_option():
    aliases = [alias for one in OPTIONS.values() for alias in one.aliases]
    assert sorted(aliases) == sorted(RENAMED)
    assert len(named_options(LoraRecipe)) == len(OPTIONS) + len(aliases)


def test_old_flags_do_what_the_new_ones_do_and_are_not_shown():
    def flags(values: dict[str, object]) -> list[str]:
        found: list[str] = []
        for name, value in values.items():
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                found.append(f"--{flag}" if value else f"--no-{flag}")
            else:
                found += [f"--{flag}", str(value)]
        return found

    old = recipe_of(parser().parse_args(flags(RENAMED)))
    new = recipe_of(parser().parse_args(flags({find_option(name).name: v for name, v in RENAMED.items()})))
    assert old == new == LoraRecipe().changed(**RENAMED)
    shown = parser().format_help().split()
    assert "--batch-size" in shown
    assert not {f"--{name.replace('_', '-')}" for name in RENAMED} & set(shown)


def test_an_old_curriculum_is_read(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps({"phases": [{"name": "a", "area": 0.25, "options": {"prior": 0.1, "batch": 2}}]})
    )
    whole = LoraRecipe().changed(max_pixels=4096)
    (recipe,) = recipes_of(whole, read_curriculum(str(path)))
    assert (recipe.pixels, recipe.shares.prior_preservation, recipe.optimization.batch_size) == (1024, 0.1, 2)


def test_choices_are_those_of_the_code_that_knows_them():
    assert OPTIONS["optimizer"].choices == LORA_OPTIMIZERS
    assert OPTIONS["schedule"].choices == SCHEDULES
    assert OPTIONS["timestep_sampling"].choices == TIMESTEP_SAMPLINGS
    assert OPTIONS["task"].choices is STRATEGIES
    assert {preset(name).task for name in PRESETS} <= set(STRATEGIES)


def test_every_option_says_what_it_is_and_its_default_is_allowed():
    for one in OPTIONS.values():
        assert one.tip.endswith(".")
        assert not one.zero or one.low == 0
    assert LoraRecipe().changed() == LoraRecipe()


@pytest.mark.parametrize("said", ["[]", "{", '{"data": {"speed": 1}}', '{"speed": 1}'])
def test_what_is_not_a_recipe_is_told(said, tmp_path):
    (tmp_path / "recipe.json").write_text(said)
    with pytest.raises(ValueError, match=r"recipe\.json|^speed is not an option"):
        read_recipe(tmp_path / "recipe.json")


def test_torchrun_can_start_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "comfyui_anisora.cli", "train", "lora", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--gradient-accumulation" in done.stdout
    assert "--accumulate" not in done.stdout


def test_learning_rate_is_the_releases_own_unless_one_is_asked_for():
    quick = preset("quick look")
    large = quick.changed(release="V3.1")
    assert quick.training_settings.learning_rate > 10 * large.training_settings.learning_rate > 0
    assert large.changed(learning_rate=3e-5).training_settings.learning_rate == 3e-5
    assert large.changed(optimizer="prodigy").training_settings.learning_rate == 1.0


def test_options_out_of_their_range_are_told_by_name(tmp_path):
    for name, value in (
        ("rank", 0),
        ("steps", "many"),
        ("schedule", "linear"),
        ("dropout", float("nan")),
        ("dora", 1),
    ):
        with pytest.raises(ValueError, match=f"^{name} "):
            LoraRecipe().changed(**{name: value})
    with pytest.raises(ValueError, match="all 0"):
        LoraRecipe().changed(still_share=0.0, move_share=0.0, given_share=0.0)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_recipes_that_read_back(name, tmp_path):
    preset(name).save(tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == preset(name)


def test_a_sample_of_v2_is_shifted_as_a_clip_of_its_size():
    recipe = LoraRecipe().changed(release="V2")
    assert recipe.sampling((480, 832)).shift == 3.0
    assert recipe.sampling((720, 1280)).shift == 5.0
