"""Trainings in phases, and what their phases may ask for: frame rates, lengths, cropped clips, a LoRA to go on from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.training_folder import read_training_folder
from comfyui_anisora.anisora_core.media.video import write_mp4
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.engine.events import Event, Finished, Stepped
from comfyui_anisora.anisora_core.training.lora.curriculum import (
    CurriculumPhase,
    curricula,
    read_curriculum,
    recipes_of,
    train_curriculum,
)
from comfyui_anisora.anisora_core.training.lora.dataset import examples_of
from comfyui_anisora.anisora_core.training.lora.examples import frames_of
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.anisora_core.training.lora.trainer import train_lora
from PIL import Image

MINI = RELEASES["mini"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip of 24 frames a second, which mini has 12 of, grey levels counting its frames; and a drawing."""
    root = tmp_path / "drawings"
    root.mkdir()
    frames = np.stack([np.full((96, 96, 3), 3 * n, np.uint8) for n in range(66)])
    frames[:, 80:] = 255  # a bar where subtitles are
    write_mp4(frames, root / "a.mp4", fps=24)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)).save(root / "b.png")
    return root


def small(folder: Path, **changes: object) -> LoraRecipe:
    given = {"images": str(folder), "name": "phases", "steps": 2, "batch_size": 1, "rank": 2, "warmup": 1, "max_pixels": 1024, "length": 9,
             "variants": 2, "sample_every": 0}  # fmt: skip
    return LoraRecipe().changed(**(given | changes))


def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "loras", tmp_path / "run", {}, torch.device("cpu"), torch.float32)


def test_a_clip_has_as_many_frames_as_its_seconds_give(folder):
    """66 frames at 24 a second are 33 at 12, and 17 at 6, the last at 2.67 of 2.75 seconds."""
    examples = {}
    for fps in (24.0, 0.0, 6.0):
        found = examples_of(read_training_folder(folder), small(folder, fps=fps, length=65))
        examples[fps] = next(example for example in found if example.kind == "clip")
    assert {fps: example.num_frames for fps, example in examples.items()} == {24.0: 65, 0.0: 33, 6.0: 17}
    for example in examples.values():
        frames, _ = frames_of(example, MINI, np.random.default_rng(0))
        assert len(frames) == example.num_frames


def test_later_variants_show_other_parts_of_a_long_clip(folder):
    found = [
        e for e in examples_of(read_training_folder(folder), small(folder, variants=4)) if e.kind == "clip"
    ]
    starts = [frames_of(e, MINI, e.rng(0))[0][0, 0, 0, 0] for e in found]
    assert starts[0] < 8
    assert len({round(start / 6) for start in starts}) > 2


def test_lengths_are_spread_over_the_variants(folder):
    recipe = small(folder, shortest=5, length=33, variants=3)
    assert recipe.lengths == [33, 17, 5]
    found = examples_of(read_training_folder(folder), recipe)
    assert sorted(e.num_frames for e in found if e.kind == "move") == [5, 17, 33]
    assert small(folder, length=10).lengths == [9]
    with pytest.raises(ValueError, match="shortest 9 is more than length 5"):
        small(folder, shortest=9, length=5)


def test_what_is_written_below_is_cut_off_and_the_shape_stays(folder):
    whole, cut = (
        next(e for e in examples_of(read_training_folder(folder), small(folder, cut=c)) if e.kind == "clip")
        for c in (0.0, 0.25)
    )
    assert cut.size == whole.size
    assert frames_of(whole, MINI, np.random.default_rng(0))[0][0, -1].min() > 250
    assert frames_of(cut, MINI, np.random.default_rng(0))[0][0].max() < 30


def test_drawings_move_only_when_asked_and_nothing_to_learn_is_told(folder):
    found = examples_of(read_training_folder(folder), small(folder, moves=False))
    assert {e.kind for e in found} == {"still", "clip"}
    (folder / "a.mp4").unlink()
    with pytest.raises(ValueError, match="still_share 0 and no moves"):
        examples_of(read_training_folder(folder), small(folder, moves=False, still_share=0.0))


def test_a_training_goes_on_from_a_lora(folder, tmp_path):
    where = place(tmp_path)
    list(train_lora(small(folder, learning_rate=1e-2), where))
    first = where.loras / "phases.safetensors"
    still = replace(where, run=tmp_path / "more", loras=tmp_path / "more")
    list(train_lora(small(folder, learning_rate=1e-12, resume_from_lora=str(first), alpha=1.0), still))
    before, after = (read_lora(path).changes for path in (first, tmp_path / "more" / "phases.safetensors"))
    for name, change in before.items():
        same = after[name].scale * after[name].up @ after[name].down
        assert torch.allclose(change.scale * change.up @ change.down, same, atol=1e-6)
    assert any(change.up.abs().max() > 0 for change in before.values())
    other = replace(where, run=tmp_path / "other", loras=tmp_path / "other")
    for changes, said in (
        ({"resume_from_lora": str(first), "rank": 4}, "has rank 2; use rank 2"),
        ({"resume_from_lora": str(first), "dora": True}, "is no DoRA"),
        ({"resume_from_lora": str(tmp_path / "none.safetensors")}, r"^resume_from_lora: .* is not a file"),
    ):
        with pytest.raises(ValueError, match=said):
            list(train_lora(small(folder, **changes), other))


def test_phases_take_their_shares_and_the_papers_are_there():
    assert curricula() == ["image_video_mix", "paper", "subtitle_free", "variable_length", "weak_to_strong"]
    whole = LoraRecipe(release="V3.1").changed(steps=720)
    weak, faster, strong = recipes_of(whole, read_curriculum("weak_to_strong"))
    assert [part.optimization.steps for part in (weak, faster, strong)] == [300, 190, 230]
    assert weak.fps == strong.fps / 2
    assert weak.lengths[0] / weak.fps == pytest.approx(strong.lengths[0] / strong.fps, rel=0.1)
    assert weak.pixels / strong.pixels == pytest.approx((480 / 720) ** 2, rel=1e-3)
    assert (strong.pixels, faster.fps) == (whole.pixels, whole.fps)
    (variable,) = recipes_of(whole, read_curriculum("variable_length"))
    assert (variable.lengths[0], variable.lengths[-1]) == (129, 33)  # 8 and 2 seconds at 16
    (mixed,) = recipes_of(whole, read_curriculum("image_video_mix"))
    assert (mixed.data.moves, mixed.shares.still_share) == (False, 0.25)
    assert recipes_of(whole, read_curriculum("subtitle_free"))[0].data.cut == 0.2
    assert [r.data.cut for r in recipes_of(whole, read_curriculum("paper"))] == [0.0, 0.0, 0.0, 0.2]
    assert (
        sum(r.optimization.steps for r in recipes_of(whole.changed(steps=2), read_curriculum("paper"))) == 2
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is none of .* nor a file with phases"),
        ('{"phases": []}', "has no phases"),
        ('{"phases": [{"name": "a", "speed": 1}]}', "speed is not an option of a phase"),
        ('{"phases": [{"name": "a", "options": {"fast": 1}}]}', "fast is not an option"),
        ('{"phases": [{"name": "a", "options": {"cut": 2.0}}]}', "cut 2.0 must be"),
        ('{"phases": [{"name": "a", "share": 0}]}', "needs share, max_pixels and fps above 0"),
        ('{"phases": [{"name": "a", "seconds": [8, 2]}]}', "must be shortest, longest"),
        ('{"phases": [{"share": 1}]}', "nor a file with phases"),
    ],
)
def test_a_wrong_curriculum_is_told(text, said, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_curriculum(str(path))
    with pytest.raises(ValueError, match="'weaker' is none of image_video_mix, paper"):
        read_curriculum("weaker")


def test_phases_follow_each_other_and_a_stopped_one_goes_on(folder, tmp_path):
    where, whole = place(tmp_path), small(folder, steps=6, fps=12.0)
    phases = [CurriculumPhase("weak", fps=0.5, max_pixels=0.5), CurriculumPhase("strong", seconds=(0.4, 0.7))]
    late: list[Event] = []
    for last in train_curriculum(whole, phases, where, lambda: bool(late)):
        if isinstance(last, Stepped) and last.step == 4:
            late.append(last)
    assert isinstance(last, Finished)
    assert not last.is_whole
    assert last.step == 5
    events = list(train_curriculum(whole, phases, where))
    done = events[-1]
    assert isinstance(done, Finished)
    assert done.is_whole
    assert done.paths == (where.loras / "phases.safetensors",)
    assert [(e.step, e.total) for e in events if isinstance(e, Stepped)] == [(6, 6)]
    said = json.loads((where.run / "phase_2" / "recipe.json").read_text())
    assert said["adapter"]["resume_from_lora"] == str(where.run / "phase_1" / "phases.safetensors")
    assert (said["data"]["shortest"], said["data"]["length"]) == (5, 9)
    again = list(
        train_curriculum(whole, phases, replace(where, run=tmp_path / "again", loras=tmp_path / "again"))
    )
    assert [e.step for e in again if isinstance(e, Stepped)] == [1, 2, 3, 4, 5, 6]
    one, other = (
        read_lora(folder / "phases.safetensors").changes for folder in (where.loras, tmp_path / "again")
    )
    assert all(torch.equal(one[name].up, other[name].up) for name in one)
