"""The trainer node without a training: its inputs, and the process it starts, played by a small script."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.training.engine.events import (
    DatasetDescribed,
    Finished,
    Sampled,
    Saved,
    Stepped,
    Warned,
)
from comfyui_anisora.anisora_core.training.lora.presets import PRESETS
from comfyui_anisora.anisora_core.training.lora.recipe import OPTIONS, LoraRecipe, preset
from comfyui_anisora.anisora_core.training.lora.stages import Place
from comfyui_anisora.cli import main
from comfyui_anisora.nodes.host import host
from comfyui_anisora.nodes.lora_trainer import (
    BUNDLED,
    BUNDLED_FOLDER,
    AniSoraLoraTrainer,
    folder_of,
    recipe_of,
)
from comfyui_anisora.nodes.model_loader import DRAWINGS
from comfyui_anisora.nodes.training_service import follow as training
from comfyui_anisora.nodes.training_service import job as training_job
from comfyui_anisora.nodes.training_service.follow import TrainingProgress
from comfyui_anisora.nodes.training_service.job import TrainingJob, read_job, run_apart
from PIL import Image
from safetensors.torch import load_file, save_file

PACK = Path(__file__).parents[2]
LOAD = f"""
import sys, importlib.util
spec = importlib.util.spec_from_file_location("comfyui_anisora", {str(PACK / "__init__.py")!r}, submodule_search_locations=[{str(PACK)!r}])
sys.modules["comfyui_anisora"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""
CHOSEN = {
    "images": "x",
    "name": "ink",
    "release": "mini",
    "trigger": "",
    "steps": 0,
    "rank": 0,
    "learning_rate": 0.0,
    "seed": 0,
    "sample_prompts": "",
}


# Inputs


def test_the_presets_are_cores():
    assert AniSoraLoraTrainer.INPUT_TYPES()["required"]["preset"][0] == list(PRESETS)
    assert AniSoraLoraTrainer.INPUT_TYPES()["required"]["preset"][1]["default"] in PRESETS


def test_limits_of_the_inputs_are_the_recipes():
    for name, spec in AniSoraLoraTrainer.INPUT_TYPES()["optional"].items():
        if spec[0] in ("INT", "FLOAT"):
            assert spec[1]["max"] == OPTIONS[name].high, name
            assert spec[1]["min"] == 0


@pytest.mark.parametrize("name", PRESETS)
def test_zero_is_the_presets(name):
    assert recipe_of(name, CHOSEN, "") == preset(name).changed(images="x", name="ink")
    assert recipe_of(name, {**CHOSEN, "steps": 7, "rank": 4}, "").optimization.steps == 7


def test_options_are_lines_as_the_shell_has_them():
    old = "batch = 2\n\n  --checkpointing = true\nprior=0.25\r\ntargets = blocks\\.0\\..* \nsave-every=10"
    new = "batch_size = 2\ngradient-checkpointing = true\n--prior-preservation=0.25\ntargets = blocks\\.0\\..*\nsave_every = 10"
    made = recipe_of("normal", CHOSEN, old)
    assert made == recipe_of("normal", CHOSEN, new)
    assert (made.optimization.batch_size, made.memory.gradient_checkpointing) == (2, True)
    assert (made.shares.prior_preservation, made.checkpoints.save_every) == (0.25, 10)
    assert made.adapter.targets == r"blocks\.0\..*"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("batch", "write 'batch' as name = value"),
        ("bach = 2", "'bach' is not an option; use one of alpha, base, batch_size, "),
        ("batch = many", "batch 'many' must be a whole number"),
        ("batch = 0", "batch 0 must be 1 to 256"),
        ("batch = 900", "batch 900 must be 1 to 256"),
        ("dropout = nan", "dropout nan must be 0.0 to 0.95"),
        ("dora = maybe", "dora 'maybe' must be true or false"),
        ("optimizer = magic", "optimizer 'magic' is unknown; use one of adamw"),
        ("steps = 3", "steps has an input of its own"),
        ("images = /", "images has an input of its own"),
        ("= 3", "'' is not an option"),
    ],
)
def test_a_wrong_line_of_options_is_named(line, said):
    with pytest.raises(ValueError, match=r"^options, line 2: ") as error:
        recipe_of("normal", CHOSEN, f"accumulate = 1\n{line}")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["ink", "My Style-2", "水墨 画風", "é", "a.b", "x" * 50])
def test_a_plain_name_is_taken(name):
    assert recipe_of("normal", CHOSEN | {"name": name}, "").name == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "a/b", "a\\b", "..", ".", "../x", "C:", "C:\\x", "/etc", ".hidden", "a.", " a", "a ", "a\nb"]
    + ["a\x00b", "a\x7f", "\ud800", "x" * 51, "a*", 'a"b', "<a>", "a|b", "what?", "CON", "nul.txt", "com1"],
)
def test_a_name_that_is_no_file_name_is_one_line(name):
    with pytest.raises(ValueError, match=r"^name ") as error:
        recipe_of("normal", CHOSEN | {"name": name}, "")
    assert "\n" not in str(error.value)


def test_the_folder_is_a_path_or_a_name_in_the_input_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ANISORA_INPUT", str(tmp_path / "input"))
    (tmp_path / "input" / "my art").mkdir(parents=True)
    for said in (f"{tmp_path}/input/my art", "my art", f'"{tmp_path}/input/my art"', " my art "):
        assert folder_of(said) == tmp_path / "input" / "my art"


@pytest.mark.parametrize("images", ["", "  ", "nowhere", "/nowhere/at/all", "a\x00b", "x" * 5000, '""'])
def test_a_folder_that_is_none_is_one_line(images, tmp_path, monkeypatch):
    monkeypatch.setenv("ANISORA_INPUT", str(tmp_path))
    with pytest.raises(ValueError, match=r"^images") as error:
        folder_of(images)
    assert "\n" not in str(error.value)
    assert AniSoraLoraTrainer.IS_CHANGED(images=images) == str(error.value)


def test_the_bundled_drawings_are_enough_and_have_captions():
    assert folder_of(BUNDLED) == BUNDLED_FOLDER
    drawings = list(BUNDLED_FOLDER.glob("*.jpg"))
    assert len(drawings) >= 20
    assert all("storybook style" in path.with_suffix(".txt").read_text() for path in drawings)


def test_a_folder_is_another_when_a_file_is(tmp_path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (tmp_path / "linked").symlink_to(elsewhere, target_is_directory=True)

    def now() -> str:
        return AniSoraLoraTrainer.IS_CHANGED(images=str(tmp_path))

    seen = {now()}
    assert now() in seen
    steps = [
        lambda: shutil.copy(DRAWINGS / "wave.png", tmp_path / "a.png"),
        lambda: (tmp_path / "a.txt").write_text("girl waves"),
        lambda: (tmp_path / "a.txt").write_text("girl waves, ink"),
        lambda: (tmp_path / "a.png").rename(tmp_path / "b.png"),
        lambda: os.utime(tmp_path / "b.png", ns=(0, 5)),
        lambda: (tmp_path / "sub").mkdir() or (tmp_path / "sub" / "c.png").write_bytes(b"1"),
        lambda: (tmp_path / "b.png").unlink(),
        lambda: (elsewhere / "d.png").write_bytes(b"1"),
        lambda: (tmp_path / "e.png").symlink_to(tmp_path / "gone.png"),
    ]
    for step in steps:
        step()
        assert now() not in seen
        seen.add(now())


# The process, played by a script

PLAYED = """
import json, os, sys, time
from pathlib import Path
job = json.loads(Path(sys.argv[1]).read_text())
run = Path(job["run"])
def tell(kind, **said):
    print(json.dumps({"event": kind, **said}), flush=True)
def step(number, total):
    with (run / "loss.jsonl").open("a") as log: log.write(json.dumps({"step": number, "loss": 1 / number}) + "\\n")
    tell("Stepped", step=number, total=total, loss=1 / number, smooth=1.0, seconds_left=2.0 * (total - number), gigabytes=1.5)
"""


@pytest.fixture
def play(tmp_path, monkeypatch):
    """play(script, **recipe) -> the TrainingJob whose process runs that script."""

    def made(script: str, **more) -> TrainingJob:
        child = tmp_path / "child.py"
        child.write_text(PLAYED + textwrap.dedent(script))
        monkeypatch.setattr(training_job, "CHILD", child)
        recipe = LoraRecipe(name="ink").changed(images=str(tmp_path), **more)
        run = tmp_path / "output" / "anisora_training" / "ink"
        return TrainingJob(
            recipe, Place(tmp_path / "loras", run, {}, torch.device("cpu"), torch.float32), "as drawn"
        )

    monkeypatch.setenv("ANISORA_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("ANISORA_MODELS", str(tmp_path / "models"))
    return made


def test_a_job_is_read_back(play, tmp_path):
    job = play("")
    job = replace(job, place=replace(job.place, files={"transformer": tmp_path / "a"}, dtype=torch.bfloat16))
    assert read_job(job.save()) == job


def test_events_come_as_they_are_told_and_what_others_print_is_none(play):
    job = play("""
        tell("DatasetDescribed", lines=["9 pictures"])
        sys.stderr.write("a warning of a package\\n")
        step(1, 2); step(2, 2)
        tell("Finished", paths=["ink.safetensors"], step=2, is_whole=True, seconds=1.0)
    """)
    events = [event for event in run_apart(job) if event is not None]
    assert [type(event) for event in events] == [DatasetDescribed, Stepped, Stepped, Finished]
    assert "a warning of a package" in (job.place.run / "log.txt").read_text()


def test_the_callers_turn_comes_while_nothing_is_told(play):
    job = play("time.sleep(1.2)")
    assert list(run_apart(job)).count(None) >= 2


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('print("failed: " + json.dumps("rank: 5 is off\u3042"))\nsys.exit(2)', "rank: 5 is off\u3042"),
        (
            'raise RuntimeError("CUDA out of memory")',
            "ended with code 1: RuntimeError: CUDA out of memory (the whole message is in ",
        ),
        (
            "os.kill(os.getpid(), 9)",
            "was ended by the system, most likely because memory ran out; lower batch_size",
        ),
        ("sys.exit(3)", "ended with code 3: no message"),
    ],
)
def test_a_process_that_fails_is_one_line(script, said, play):
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        list(run_apart(play(script)))
    assert "\n" not in str(error.value)


SAVES = """
step(1, 900)
sys.stdin.read()
time.sleep(0.6)
(run / "saved").touch()
tell("Finished", paths=[], step=1, is_whole=False, seconds=1.0)
"""


def test_an_interrupt_lets_it_save_and_is_raised_when_that_is_done(play):
    class Interrupted(BaseException):
        pass

    def tell(event, progress):
        if isinstance(event, Stepped):
            raise Interrupted

    job = play(SAVES)
    progress = TrainingProgress(job)
    phases = []
    with pytest.raises(Interrupted):
        training.follow(progress, lambda event, now: phases.append(now.phase) or tell(event, now))
    assert (job.place.run / "saved").exists()
    assert phases[-1] == "stopped"


def test_an_interrupt_before_the_first_step_ends_it_at_once(play):
    job = play("tell('Encoding', done=1, total=9)\ntime.sleep(60)")
    since = time.monotonic()
    with closing(run_apart(job)) as events:
        next(events)
    assert time.monotonic() - since < 5


def test_a_process_whose_host_is_gone_saves_and_ends():
    """As `serve` hears it: its standard input closes, and nobody reads what it tells."""
    script = f"""
{LOAD}
import time
from comfyui_anisora.nodes.training_service import job
from comfyui_anisora.anisora_core.training.engine.events import Warned
def train(recipe, place, should_stop):
    print("a library's greeting")
    for step in range(1000):
        yield Warned("x" * 2000)
        time.sleep(0.01)
        if should_stop():
            sys.stderr.write("saved\\n")
            return
class Any: recipe = place = None
job.train_lora, job.read_job = train, lambda path: Any
sys.exit(job.serve("job.json"))
"""
    PIPE = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        assert b"Warned" in process.stdout.readline()
        process.stdout.close()
        process.stdin.close()
        said = process.stderr.read().decode()
        assert process.wait(20) == 0, said
    assert "a library's greeting" in said
    assert said.rstrip().endswith("saved")


# How it goes, for the page


def test_a_message_has_all_that_the_page_shows(play):
    job = play("", steps=1000)
    progress = TrainingProgress(job)
    assert (progress.phase, progress.done, progress.total) == ("starting", 0, 1000)
    assert progress.message()["curve"] == []
    sheet = job.place.run / "samples" / "step_000500.jpg"
    sheet.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(sheet)
    progress.take(DatasetDescribed(("24 pictures", "one is broken")))
    for step in range(1, 1001):
        progress.take(Stepped(step, 1000, 1.0 / step, 2.0 / step, 3.0 * (1000 - step), 1.26))
    progress.take(Warned("what was said of earlier samples"))
    progress.take(Sampled(500, sheet, (), 0.504))
    progress.take(Warned("samples move less"))
    progress.take(Saved(1000, sheet))
    message = json.loads(json.dumps(progress.message()))
    assert message.pop("sheet") == {
        "filename": "step_000500.jpg",
        "subfolder": "anisora_training/ink/samples",
        "version": str(sheet.stat().st_mtime_ns),
    }
    curve = message.pop("curve")
    assert curve[0] == [1, 1.0, 2.0]
    assert curve[-1] == [1000, 0.001, 0.002]
    assert len(curve) <= training.POINTS + 1
    assert message == {
        "name": "ink", "phase": "training", "done": 1000, "total": 1000, "seconds_left": 0, "gigabytes": 1.3,
        "motion_ratio": 0.5, "report": ["24 pictures", "one is broken"], "warnings": ["samples move less"],
    }  # fmt: skip


def test_the_time_left_is_of_the_last_steps_not_of_one(play):
    progress = TrainingProgress(play("", steps=100))
    for step in range(1, 51):
        pace = 4.0 if step % 2 else 2.0
        progress.take(Stepped(step, 100, 1.0, 1.0, pace * (100 - step), 0.0))
    assert progress.message()["seconds_left"] == 150


# The node


def finish(tmp_path, job: TrainingJob, steps: int) -> None:
    torch.save({"step": steps}, job.place.run / "state.pt")
    (tmp_path / "models" / "loras").mkdir(parents=True, exist_ok=True)
    save_file({"a": torch.ones(2)}, tmp_path / "models" / "loras" / "ink.safetensors")


@pytest.fixture
def node(play, tmp_path):
    """node(script, **inputs) -> what the node returns, with the process played by that script."""
    folder = tmp_path / "drawings"
    folder.mkdir()
    shutil.copy(DRAWINGS / "wave.png", folder)

    def run(script: str, **inputs):
        play(script)
        plain = {"images": str(folder), "name": "ink", "release": "mini", "preset": "quick look"}
        return AniSoraLoraTrainer().train(**{**plain, "trigger": "", "steps": 3, **inputs})

    return run


WHOLE = """
import torch
from safetensors.torch import load_file, save_file
from PIL import Image
for number in (1, 2, 3): step(number, 3)
(run / "cache").mkdir(exist_ok=True)
(run / "samples").mkdir(exist_ok=True)
Image.new("RGB", (16, 8), "red").save(run / "samples" / "step_000003.jpg")
(run / "recipe.json").write_text(json.dumps(job["recipe"]))
torch.save({"step": 3, "model": {}, "ema": {}, "optimizers": []}, run / "state.pt")
path = Path(job["loras"]) / "ink.safetensors"
path.parent.mkdir(parents=True, exist_ok=True)
tensors = {"diffusion_model.x.lora_A.weight": torch.ones(2, 2)}
save_file(tensors, path, {"anisora.recipe": json.dumps(job["recipe"])})
tell("Finished", paths=[str(path)], step=3, is_whole=True, seconds=1.0)
"""


def test_the_node_gives_the_lora_the_losses_the_samples_and_the_path(node, tmp_path):
    made = node(WHOLE)
    lora, loss, samples, path, low = made["result"]
    assert list(lora) == ["diffusion_model.x.lora_A.weight"]
    assert loss == {"loss": [1.0, 0.5, pytest.approx(1 / 3, abs=1e-5)]}
    assert samples.shape == (1, 8, 16, 3)
    assert samples[0, 4, 4, 0] > 0.9
    assert path == str(tmp_path / "models" / "loras" / "ink.safetensors")
    assert low is None
    (message,) = made["ui"]["anisora_training"]
    assert message["phase"] == "finished"
    assert len(message["curve"]) == 3


def test_a_finished_training_is_not_repeated_until_a_drawing_changes(node, tmp_path):
    first = node(WHOLE)["result"]
    again = node("sys.exit('it was trained again')")["result"]
    assert np.array_equal(first[2], again[2])
    assert first[1] == again[1]
    (tmp_path / "drawings" / "wave.txt").write_text("girl waves")
    run = tmp_path / "output" / "anisora_training" / "ink"
    (run / "cache" / "kept").touch()
    new = node(WHOLE)["result"]
    assert len(new[1]["loss"]) == 3
    assert (run / "cache" / "kept").exists()  # what was encoded is there
    assert (run.with_name("ink 1") / "state.pt").exists()  # and the earlier training beside it


def test_room_is_made_before_a_training_and_only_then(node, monkeypatch):
    """The models that the host holds would take the memory that a training needs."""
    done: list[str] = []
    monkeypatch.setattr(host, "make_room", lambda: done.append("room"))
    monkeypatch.setattr(training, "run_apart", lambda job: done.append("training") or run_apart(job))
    node(WHOLE)
    assert done == ["room", "training"]
    node(WHOLE)
    assert done == ["room", "training"]


def test_a_stopped_training_goes_on_also_with_other_drawings(node, tmp_path):
    with pytest.raises(ValueError, match="ended with code 1"):
        node(
            "step(1, 3); torch = __import__('torch'); state = {'step': 1, 'model': {}, 'ema': {}, 'optimizers': []}; "
            "torch.save(state, run / 'state.pt'); sys.exit(1)"
        )
    (tmp_path / "drawings" / "wave.txt").write_text("girl waves")
    made = node(WHOLE.replace("(1, 2, 3)", "(2, 3)"))
    assert len(made["result"][1]["loss"]) == 3
    assert not (tmp_path / "output" / "anisora_training" / "ink 1").exists()


def test_another_setting_under_the_same_name_is_refused_before_anything_runs(node):
    node(WHOLE)
    with pytest.raises(
        ValueError, match=r"rank: .* holds a training with rank 32; use that, choose another name"
    ):
        node("sys.exit('it ran')", rank=8)


def test_a_wrong_input_is_told_before_anything_runs(node):
    for inputs, said in (
        ({"name": "../x"}, "name "),
        ({"images": "nowhere"}, "images"),
        ({"options": "x"}, "options, line 1"),
        ({"transformer_file": "gone.safetensors"}, "transformer"),
    ):
        with pytest.raises(ValueError, match=f"^{said}"):
            node("sys.exit('it ran')", **inputs)


def test_a_missing_package_is_named(node, monkeypatch):
    for name in [
        name for name in sys.modules if name.endswith(("training_service.follow", "engine.run_folder"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(ValueError, match=r"training needs the package filelock; pip install filelock"):
        node("sys.exit('it ran')")


# The real process


def test_the_process_finds_the_pack_wherever_it_lies(tmp_path, monkeypatch):
    """In a folder with dots, spaces and dashes, which no import statement could name; from any working directory."""
    odd = tmp_path / "custom nodes" / "ComfyUI-AniSora 1.2"
    unneeded = shutil.ignore_patterns(".*", "build", "runs", "output", "tests", "assets", "web", "docs")
    shutil.copytree(PACK, odd, ignore=unneeded)
    (odd / "anisora_core" / "assets").symlink_to(PACK / "anisora_core" / "assets")
    monkeypatch.setattr(training_job, "CHILD", odd / "nodes" / "training_service" / "process.py")
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(tmp_path)
    recipe = LoraRecipe(name="ink").changed(images=str(tmp_path / "gone"))
    place = Place(tmp_path / "loras", tmp_path / "run", {}, torch.device("cpu"), torch.float32)
    with pytest.raises(ValueError, match=r"training folder .*gone' does not exist"):
        list(run_apart(TrainingJob(recipe, place)))


def test_the_workflow_trains_without_a_host_and_goes_on(tmp_path, monkeypatch, capsys):
    """Two steps on the drawings of the pack, then a third: the shipped mini, small frames."""
    monkeypatch.setenv("ANISORA_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("ANISORA_MODELS", str(tmp_path / "models"))
    small = "batch = 1\nlength = 5\nvariants = 1\narea = 1024\nsample_every = 1000"
    for steps in (2, 3):
        settings = [f"AniSoraLoraTrainer.steps={steps}", f"AniSoraLoraTrainer.options={small}"]
        sets = [word for setting in settings for word in ("--set", setting)]
        out = ["--out", str(tmp_path / f"out{steps}"), "--json"]
        assert main(["run", str(PACK / "workflows" / "style_lora.json"), *sets, *out]) == 0
        said = capsys.readouterr()
        assert "25 pictures and 0 clips" in said.err
        assert ("encoded" in said.err) == (steps == 2)
        (picture,) = json.loads(said.out)["files"]
        assert Image.open(picture).width == 5 * 32
    run = tmp_path / "output" / "anisora_training" / "my_style"
    assert len((run / "loss.csv").read_text().splitlines()) == 4
    assert len(load_file(tmp_path / "models" / "loras" / "my_style.safetensors")) > 100


def test_the_pack_loads_without_accelerate():
    """It is the trainer's alone; a ComfyUI without it has all other nodes."""
    script = (
        "import sys; sys.modules['accelerate'] = None\n"
        + LOAD
        + """
print(len(module.NODE_CLASS_MAPPINGS["AniSoraLoraTrainer"].INPUT_TYPES()["optional"]))
"""
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(len(AniSoraLoraTrainer.INPUT_TYPES()["optional"]))
