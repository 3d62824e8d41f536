"""The command and the workflows without a host, on the shipped mini."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from comfyui_anisora.anisora_core.domain.conditions import FITS, MOTION_METHODS, POSTERIOR_USES
from comfyui_anisora.anisora_core.domain.release import GUIDANCE
from comfyui_anisora.anisora_core.generation.loading import ASSETS
from comfyui_anisora.cli import COMMANDS, generate, main
from PIL import Image
from workflow_files import PUBLISHED, SHIPPED, name_of, release_of, sampling_node

sys.path.insert(0, str(Path(__file__).parents[1]))

PACK = Path(__file__).parents[2]
WORKFLOWS = [path for path in SHIPPED + PUBLISHED if release_of(path) == "mini"]
DRAWING = PACK / "web" / "drawings" / "wave.png"
OTHER = PACK / "web" / "drawings" / "walk_first.png"


def frames_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_workflow_runs_without_a_host(path, tmp_path, capsys):
    settings = ["--set", f"{sampling_node(path)}.steps=2", "--set", "AniSoraTimeline.length=9"]
    assert main(["run", str(path), *settings, "--out", str(tmp_path), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    frames = frames_of(Path(files[0]))
    assert frames.shape == (9, 128, 128, 3)
    assert frames.std() > 5


def make(tmp_path: Path, name: str, *arguments: str) -> np.ndarray:
    out = tmp_path / f"{name}.png"
    common = ["generate", "--length", "5", "--steps", "3", "--out", str(out)]
    assert main([*common, *arguments]) == 0
    return np.asarray(Image.open(out).convert("RGB")).astype(int)


def test_same_seed_same_clip_and_all_else_differs(tmp_path):
    base = ["--keyframe", f"{DRAWING}@first", "--prompt", "girl walks left", "--seed", "1"]
    first = make(tmp_path, "a", *base)
    assert np.array_equal(first, make(tmp_path, "b", *base))
    for name, change in {"seed": ["--seed", "2"], "prompt": ["--prompt", "camera zooms in"]}.items():
        assert np.abs(make(tmp_path, name, *base, *change) - first).max() > 8, name
    other = ["--keyframe", f"{OTHER}@first", "--prompt", "girl walks left", "--seed", "1"]
    assert np.abs(make(tmp_path, "keyframe", *other) - first).mean() > 5


def truncated(folder: Path) -> Path:
    copy = folder / "mini"
    shutil.copytree(ASSETS / "mini", copy)
    file = copy / "transformer.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    return copy


def bad_inputs(folder: Path) -> dict[str, tuple[list[str], str]]:
    text = folder / "notes.png"
    text.write_text("not a picture")
    wide = folder / "wide.png"
    Image.new("L", (300, 100), 255).save(wide)
    key = ["--keyframe", f"{DRAWING}@first"]
    return {
        "unreadable image": (["--keyframe", f"{text}@first"], "notes.png' is not a picture"),
        "missing image": (["--keyframe", f"{folder / 'gone.png'}@first"], "gone.png' does not exist"),
        "mask of another size": ([*key, "--motion-mask", str(wide)], "motion_area: the mask is 300x100"),
        "position outside": (["--keyframe", f"{DRAWING}@99"], "outside the clip"),
        "two on one frame": ([*key, "--keyframe", f"{OTHER}@0"], "two keyframes on frame 0"),
        "length off the grid": (["--length", "30"], "use 29"),
        "size off the grid": (
            ["--size", "130x128"],
            "width 130 is not a multiple of 16 pixels; use 128",
        ),
        "unknown release": (["--model", "V9"], "unknown release 'V9'"),
        "damaged weights": (["--weights", str(truncated(folder))], "transformer.safetensors is damaged"),
        "unknown sampler": (["--sampler", "magic"], "sampler 'magic' is unknown"),
        "bad size": (["--size", "big"], "write it as WIDTHxHEIGHT"),
        "mask without keyframe": (
            ["--motion-mask", str(PACK / "web/drawings/wave_area.png")],
            "motion_area: there is no keyframe",
        ),
    }


def test_bad_input_is_one_clear_line_and_leaves_no_file(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    for name, (arguments, expected) in bad_inputs(tmp_path).items():
        code = main(["generate", "--steps", "1", "--length", "5", "--out", str(out / "clip.mp4"), *arguments])
        lines = capsys.readouterr().err.strip().splitlines()
        assert code == 2, name
        assert len(lines) == 1, (name, lines)
        assert expected in lines[0], (name, lines[0])
        assert not list(out.iterdir()), name


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("AniSoraKeyframe.position=99", "node 4 (AniSoraTimeline)"),
        ("AniSoraModelLoader.release=V9", "release 'V9' is unknown"),
        ("AniSoraTimeline.length=30", "use 29"),
        ("AniSoraSampler.nothing=1", "no input 'nothing'"),
    ],
)
def test_a_workflow_error_names_the_node_and_the_fix(setting, expected, tmp_path, capsys):
    assert (
        main(
            ["run", str(PACK / "workflows" / "image_to_video.json"), "--set", setting, "--out", str(tmp_path)]
        )
        == 2
    )
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert expected in error
    assert not list(tmp_path.rglob("*.mp4"))


def test_a_clip_can_be_an_animated_picture(tmp_path):
    out = tmp_path / "clip.WEBP"
    assert main(["generate", "--length", "5", "--steps", "1", "--size", "64x32", "--out", str(out)]) == 0
    with Image.open(out) as clip:
        assert clip.size == (64, 32)
        shown = [(clip.seek(i), clip.load(), clip.info["duration"])[-1] for i in range(clip.n_frames)]
    assert sum(shown) == 5 * round(1000 / 12)  # equal neighbours are stored as one longer frame


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_help_lists_the_commands_without_importing_torch(arguments):
    code = (
        "import sys; from comfyui_anisora.cli import COMMANDS, main; import contextlib\n"
        f"with contextlib.suppress(SystemExit): main({arguments!r})\n"
        "assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert all(name in done.stdout for name in ("mini", "lora"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_lists_its_options(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*name.split(), "--help"])
    assert stopped.value.code == 0
    assert f"anisora {name} [-h]" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["paint"], ["data"], ["data", "paint"]])
def test_an_unknown_command_is_answered_with_those_there_are(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_the_choices_are_those_of_the_nodes():
    def choices(option: str) -> tuple[str, ...]:
        actions = generate.parser()._actions
        return tuple(next(action.choices for action in actions if option in action.option_strings) or ())

    assert choices("--guidance") == GUIDANCE
    assert choices("--fit") == FITS
    assert choices("--motion-method") == choices("--motion-way") == MOTION_METHODS
    assert choices("--posterior") == POSTERIOR_USES


def test_training_gets_its_own_options(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["train", "mini", "--help"])
    assert stopped.value.code == 0
    assert "--stages" in capsys.readouterr().out


def test_inspect_names_the_family(capsys):
    assert main(["inspect", str(ASSETS / "mini" / "transformer.safetensors"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["family"] == "Wan transformer"


def test_cartoons_are_written_with_caption_and_area(tmp_path):
    assert (
        main(["data", "cartoons", "--count", "2", "--out", str(tmp_path), "--length", "5", "--size", "64x64"])
        == 0
    )
    assert frames_of(tmp_path / "0001.mp4").shape == (5, 64, 64, 3)
    assert json.loads((tmp_path / "0000.json").read_text())["caption"]
    assert (tmp_path / "0000_area.png").exists()
    assert (tmp_path / "sheet.png").exists()
