"""`anisora generate --length` beyond one window, as people call it: killed, resumed, refused."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.media.video import read_video, write_mp4
from comfyui_anisora.cli import generate, main

PACK = Path(__file__).parents[2]
DRAWING = PACK / "web" / "drawings" / "walk_first.png"
#: Windows of 17 frames are 5 latents; two are handed over, so 41 frames (11 latents) are 4 windows.
SHOT = [
    "generate", "--keyframe", f"{DRAWING}@first", "--length", "41", "--window", "17", "--size", "32x32",
    "--steps", "1", "--fps", "8",
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    out = tmp_path_factory.mktemp("whole") / "clip.mp4"
    assert main([*SHOT, "--out", str(out)]) == 0
    assert [path.name for path in out.parent.iterdir()] == ["clip.mp4"]
    return out.read_bytes()


def test_a_shot_has_all_its_frames(whole, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(whole)
    assert len(read_video(tmp_path / "clip.mp4")) == 41


@pytest.mark.parametrize("stopped_in", ["sampling", "decoding"])
def test_a_shot_that_failed_goes_on_with_the_same_bytes(whole, tmp_path, monkeypatch, capsys, stopped_in):
    out = tmp_path / "clip.mp4"
    name, after = {"sampling": ("make_windows", 5), "decoding": ("decode_frames", 2)}[stopped_in]
    real = getattr(generate, name)

    def stops(*arguments):
        for count, event in enumerate(real(*arguments)):
            if count == after:
                raise torch.OutOfMemoryError("CUDA out of memory")
            yield event

    with monkeypatch.context() as context:
        context.setattr(generate, name, stops)
        assert main([*SHOT, "--out", str(out)]) == 2
    assert not out.exists()
    assert list((tmp_path / "clip.windows").glob("window_*.safetensors"))
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("anisora: CUDA out of memory; ")
    if stopped_in == "sampling":
        assert said[0].endswith("1 of its windows kept; the same command goes on with the next one")
    assert main([*SHOT, "--out", str(out)]) == 0
    assert "window 1 of 4 is there already" in capsys.readouterr().err
    assert out.read_bytes() == whole
    assert not (tmp_path / "clip.windows").exists()


@pytest.mark.slow
def test_a_shot_killed_ten_times_at_random_has_the_same_bytes(whole, tmp_path):
    out, rng = tmp_path / "clip.mp4", random.Random(3)
    command = [sys.executable, "-m", "comfyui_anisora.cli", *SHOT, "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = None
    for _ in range(10):
        with subprocess.Popen(
            command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as run:
            until = time.monotonic() + rng.uniform(2.0, 12.0)
            while time.monotonic() < until and (done := run.poll()) is None:
                time.sleep(0.05)
            if done is not None:
                break
            run.send_signal(signal.SIGKILL)
    if done is None:
        subprocess.run(command, env=environment, check=True, capture_output=True)
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--window", "16"], "window 16: windows have 1 + a multiple of 4 frames; use 13"),
        (["--window", "9"], "window 9: windows have 1 + a multiple of 4 frames; use 13"),
        (["--length", "40"], "length 40 does not fit the VAE"),
        (["--join", "frame", "--handed", "1"], "handed 1: the way frame hands over no latents"),
        (["--handed", "0"], "handed 0: the way anchored hands over at least 1 latent"),
        (["--prompt-at", "she waves"], "write it as START-END=TEXT"),
        (["--prompt-at", "4s-2s=she waves"], "it ends at frame 16, before it begins"),
        (["--prompt-at", "0-90=she waves"], "position '90' is frame 90, outside the clip"),
        (["--camera", "roll left"], "camera 'roll left': write it as pan left 20%"),
        (
            ["--camera", "pan left", "--keyframe", f"{DRAWING}@last"],
            "it moves over one drawing, and there are 2",
        ),
        (["--camera", "pan left", "--model", "V2"], "write the move into --prompt"),
        (["--model", "V1", "--join", "latents", "--length", "97", "--window", "49"], "takes single drawings"),
        (
            ["--model", "V2", "--join", "anchored", "--length", "161", "--window", "81"],
            "first frame only; use frame",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path, capsys, arguments, said):
    assert main([*SHOT, *arguments, "--out", str(tmp_path / "clip.mp4")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not list(tmp_path.iterdir())


def test_texts_for_parts_and_one_window_of_any_length(tmp_path, capsys):
    def made(*arguments):
        out = tmp_path / "clip.mp4"
        assert main([*SHOT, "--length", "21", *arguments, "--out", str(out)]) == 0
        return out.read_bytes()

    plain = made()
    assert made("--prompt-at", "50%-last=she sits down") != plain
    assert made("--join", "whole") != plain
    assert "window" not in capsys.readouterr().err


def test_a_loop_has_one_frame_less_and_a_camera_move_is_seen(tmp_path):
    looped, panned = tmp_path / "loop.mp4", tmp_path / "pan.mp4"
    assert main([*SHOT, "--length", "21", "--loop", "--out", str(looped)]) == 0
    assert len(read_video(looped)) == 20
    assert main([*SHOT, "--length", "17", "--camera", "pan right 50%", "--out", str(panned)]) == 0
    frames = read_video(panned).astype(float)
    assert np.abs(frames[16] - frames[0]).mean() > 10


def test_a_video_is_written_while_its_frames_come(tmp_path):
    """A frame is not made before the one ahead of it is coded, and what fails midway leaves no file."""

    def frames():
        yield np.zeros((16, 16, 3), np.uint8)
        raise MemoryError

    with pytest.raises(MemoryError):
        write_mp4(frames(), tmp_path / "a.mp4", 12)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="a video needs a frame"):
        write_mp4([], tmp_path / "a.mp4", 12)
