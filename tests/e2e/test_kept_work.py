"""A clip that cannot be decoded or written: the place is tried first, and what was sampled is kept."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.domain.atomic_write import CannotWrite
from comfyui_anisora.anisora_core.media.frames import is_signed
from comfyui_anisora.cli import clip_file, data_cartoons, generate, main
from comfyui_anisora.nodes.workflow import host_nodes
from PIL import Image

PACK = Path(__file__).parents[2]
DRAWING = PACK / "web" / "drawings" / "wave.png"
FAST = ["generate", "--length", "5", "--steps", "1", "--size", "64x64"]


def frames_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.fixture
def _no_sampling(monkeypatch):
    monkeypatch.setattr(generate, "sampled", lambda *_: pytest.fail("sampled before the place was tried"))


@pytest.mark.usefixtures("_no_sampling")
def test_a_place_that_takes_no_file_is_found_before_sampling(tmp_path, capsys):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("text")
    os.mkfifo(tmp_path / "pipe.mp4")
    shutil.copy(DRAWING, tmp_path / "drawing.png")
    (tmp_path / "theirs.mp4").write_bytes(b"a film of somebody else")
    (tmp_path / "link.png").symlink_to(tmp_path / "drawing.png")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    given = ["--keyframe", f"{tmp_path / 'drawing.png'}@first"]
    for out, arguments, expected in (
        ("folder.mp4", [], "it is a folder"),
        ("file/clip.mp4", [], "Not a directory"),
        ("pipe.mp4", [], "it is a device or pipe"),
        ("drawing.png", given, "is a file that was given"),
        ("drawing.png", [*given, "--overwrite"], "is a file that was given"),
        ("link.png", [*given, "--overwrite"], "is a file that was given"),
        ("drawing.png", ["--motion-mask", str(tmp_path / "drawing.png")], "is a file that was given"),
        ("drawing.png", [], "is not a clip of this program; use another name, or add --overwrite"),
        ("theirs.mp4", [], "is not a clip of this program"),
        ("clip.txt", [], "use a name that ends in"),
    ):
        assert main([*FAST, "--out", str(tmp_path / out), *arguments]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert expected in lines[0]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.usefixtures("_no_sampling")
def test_a_folder_without_room_is_found_before_sampling(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    assert main([*FAST, "--out", str(tmp_path / "clip.mp4")]) == 2
    assert "0 MB are free" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webp", "clip.png"])
def test_a_clip_of_ours_is_replaced_and_any_other_file_when_asked(tmp_path, name, capsys):
    out = tmp_path / name
    for arguments in ([], ["--seed", "1"]):
        assert main([*FAST, "--out", str(out), *arguments]) == 0
        assert is_signed(out)
    if name == "clip.png":
        Image.new("RGB", (8, 8)).save(out)
    else:
        out.write_bytes(b"another file")
    assert not is_signed(out)
    assert main([*FAST, "--out", str(out)]) == 2
    assert main([*FAST, "--out", str(out), "--overwrite"]) == 0
    assert is_signed(out)


def test_a_colon_in_a_relative_name_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("walk:1.mp4", "http:clip.mp4"):
        assert main([*FAST, "--out", name]) == 0
        assert len(frames_of(tmp_path / name)) == 5


FAILURES = {
    "no memory to decode": ("decode_frames", MemoryError()),
    "no memory on the card": (
        "decode_frames",
        torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"),
    ),
    "disk full": ("write_clip", CannotWrite(Path("clip.mp4"), os.strerror(errno.ENOSPC))),
    "stopped": ("decode_frames", KeyboardInterrupt()),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_was_sampled_is_kept_and_made_a_clip_as_the_message_says(tmp_path, monkeypatch, capsys, failure):
    out = tmp_path / "a clip.mp4"
    assert main([*FAST, "--fps", "7", "--out", str(tmp_path / "expected.mp4")]) == 0
    name, error = FAILURES[failure]

    def fail(*_):
        raise error

    with monkeypatch.context() as context:
        context.setattr(generate, name, fail)
        code = main([*FAST, "--fps", "7", "--out", str(out)])
    said = capsys.readouterr().err.strip().splitlines()
    assert code == (130 if failure == "stopped" else 2)
    assert len(said) == (2 if failure == "stopped" else 1)
    assert not out.exists()
    (kept,) = tmp_path.glob("*.latent")
    assert "the sampled latents are kept; make the clip of them with: anisora generate" in said[0]
    words = shlex.split(said[0].partition("with: ")[2].replace("NAME", str(tmp_path / "again")))
    assert str(kept) in words
    with monkeypatch.context() as context:
        context.setattr(generate, "sampled", lambda *_: pytest.fail("sampled again"))
        assert main(words[1:]) == 0
    assert np.array_equal(frames_of(tmp_path / "again.mp4"), frames_of(tmp_path / "expected.mp4"))
    with av.open(str(tmp_path / "again.mp4")) as container:
        assert container.streams.video[0].average_rate == 7


def test_they_are_kept_elsewhere_when_the_folder_takes_nothing(tmp_path, monkeypatch, capsys):
    """A folder that was whole before sampling, and is gone after it."""
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    def gone(*_):
        (tmp_path / "there").write_text("a file in the place of the folder")
        raise OSError(errno.EIO, "gone")

    monkeypatch.setattr(generate, "write_clip", gone)
    assert main([*FAST, "--out", str(there / "clip.mp4")]) == 2
    assert [path.suffix for path in elsewhere.iterdir()] == [".latent"]
    assert "gone" in capsys.readouterr().err


def test_a_file_that_appears_while_sampling_is_not_replaced(tmp_path, monkeypatch, capsys):
    out, sampled = tmp_path / "clip.mp4", generate.sampled

    def slow(*arguments):
        out.write_bytes(b"theirs")
        return sampled(*arguments)

    monkeypatch.setattr(generate, "sampled", slow)
    assert main([*FAST, "--out", str(out)]) == 2
    assert out.read_bytes() == b"theirs"
    assert len(list(tmp_path.glob("*.latent"))) == 1


def test_latents_that_are_none(tmp_path, capsys):
    from safetensors.torch import save_file

    os.mkfifo(tmp_path / "pipe.latent")
    (tmp_path / "text.latent").write_text("text")
    save_file({"latent_tensor": torch.zeros(1, 3, 2, 4, 4)}, tmp_path / "channels.latent")
    save_file({"latent_tensor": torch.zeros(16, 4)}, tmp_path / "flat.latent")
    save_file({"other": torch.zeros(16, 4)}, tmp_path / "other.latent")
    for name in ("pipe", "text", "gone", "channels", "flat", "other"):
        code = main(
            ["generate", "--latents", str(tmp_path / f"{name}.latent"), "--out", str(tmp_path / "a.mp4")]
        )
        said = capsys.readouterr().err.strip()
        assert code == 2
        assert "\n" not in said
        assert f"{name}.latent" in said
    assert not (tmp_path / "a.mp4").exists()


def test_a_workflow_keeps_what_it_sampled(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(host_nodes, "write_mp4", full)
    settings = ["--set", "AniSoraSampler.steps=1", "--set", "AniSoraTimeline.length=5"]
    workflow = str(PACK / "workflows" / "image_to_video.json")
    assert main(["run", workflow, *settings, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert "No space left on device" in said
    (kept,) = tmp_path.rglob("*.latent")
    assert f"the sampled latents are kept in {kept}; " in said
    out = tmp_path / "clip.webp"
    assert main(["generate", "--latents", str(kept), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 5


def test_a_workflows_place_is_tried_first(tmp_path, monkeypatch, capsys):
    module = sys.modules["comfyui_anisora.nodes.workflow.execute"]
    monkeypatch.setattr(module, "run_node", lambda *_: pytest.fail("ran"))
    (tmp_path / "file").write_text("text")
    assert (
        main(["run", str(PACK / "workflows" / "image_to_video.json"), "--out", str(tmp_path / "file")]) == 2
    )
    assert "Not a directory" in capsys.readouterr().err


def test_every_ending_has_a_writer():
    assert set(clip_file.WRITERS) == {".mp4", ".webp", ".png"}


def test_cartoons_whose_folder_vanishes_are_not_counted_as_made(tmp_path, monkeypatch, capsys):
    out, write = tmp_path / "clips", data_cartoons.write

    def write_and_clear(clip, folder, name):
        write(clip, folder, name)
        if name == "0001":
            shutil.rmtree(folder)

    monkeypatch.setattr(data_cartoons, "write", write_and_clear)
    arguments = ["data", "cartoons", "--count", "3", "--length", "2", "--size", "32x32", "--out", str(out)]
    assert main(arguments) == 2
    assert "2 of 3 clips are gone" in capsys.readouterr().err
