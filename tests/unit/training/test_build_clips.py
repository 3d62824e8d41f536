"""A folder of episodes with planted dirt made into clips: what is kept, what is dropped and why, and builds that were stopped."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from comfyui_anisora.anisora_core.data.training_folder import read_training_folder
from comfyui_anisora.anisora_core.media.video import read_video, write_mp4
from comfyui_anisora.anisora_core.training.clip_selection import build
from comfyui_anisora.anisora_core.training.clip_selection.build import MANIFEST, BuildSettings, build_clips
from comfyui_anisora.cli import main

pytest.importorskip("scenedetect", reason="scenedetect-headless is in the extra `data`")
FPS = 8.0


def shot(seed: int, frames: int = 20) -> np.ndarray:
    """Sharp blocks of their own colours; a square that moves 2 pixels a frame."""
    rng = np.random.default_rng(seed)
    tint = rng.uniform(0.3, 1.0, 3)
    ground = (np.kron(rng.integers(40, 256, (12, 16, 3)), np.ones((8, 8, 1))) * tint).astype(np.uint8)
    clip = np.stack([ground] * frames)
    for at in range(frames):
        clip[at, 30:60, 2 * at : 2 * at + 30] = 255 - ground[30:60, 10:40]
    return np.maximum(clip, 40)


def bordered(clip: np.ndarray) -> np.ndarray:
    clip = clip.copy()
    clip[:, :12] = clip[:, -12:] = 0
    return clip


def flashed(clip: np.ndarray) -> np.ndarray:
    clip = clip.copy()
    clip[9] = 255
    return clip


def blurred(clip: np.ndarray) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 5) for frame in clip])


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    (folder / "season").mkdir(parents=True)
    first = [
        shot(1),
        bordered(shot(2)),
        np.repeat(shot(3, 1), 20, axis=0),
        flashed(shot(4)),
        shot(5, 6),
        shot(6, 44),
    ]
    write_mp4(np.concatenate(first), folder / "a.mp4", FPS)
    brighter = np.clip(shot(1).astype(int) + 10, 0, 255).astype(np.uint8)
    write_mp4(np.concatenate([brighter, blurred(shot(7)), shot(8)]), folder / "season" / "b.mp4", FPS)
    (folder / "broken.mp4").write_bytes((folder / "a.mp4").read_bytes()[:3000])
    (folder / "copy.mp4").write_bytes((folder / "a.mp4").read_bytes())
    return folder


SETTINGS = BuildSettings(max_seconds=3.0)


def reasons(out) -> dict[str, list[tuple[list[int], str]]]:
    manifest = json.loads((out / MANIFEST).read_text())
    return {
        row["source"]: [(clip["frames"], clip["dropped"].partition(":")[0]) for clip in row["clips"]]
        for row in manifest["sources"]
    }


def test_every_planted_defect_is_caught_and_the_clean_shots_are_kept(raw, tmp_path):
    out = tmp_path / "out"
    report = build_clips(raw, out, SETTINGS)
    found = reasons(out)
    first = json.loads((out / MANIFEST).read_text())["sources"][0]["clips"]
    assert found["a.mp4"] == [
        ([0, 20], ""), ([20, 40], ""), ([40, 60], "still"), ([60, 80], "flashes at frame 9"), ([80, 86], "shorter than 2 s"),
        ([86, 108], ""), ([108, 130], ""),
    ]  # fmt: skip
    assert found["season/b.mp4"] == [
        ([0, 20], f"looks like {first[0]['name']}"),
        ([20, 40], "blurred"),
        ([40, 60], ""),
    ]
    assert set(report.unreadable) == {"broken.mp4", "copy.mp4"}
    assert report.unreadable["copy.mp4"] == "is the same file as 'a.mp4'"
    assert read_video(out / f"{first[1]['name']}.mp4").shape == (20, 72, 128, 3)
    assert first[0]["scores"]["drawings_per_second"] == FPS
    assert sorted(path.stem for path in out.glob("*.mp4")) == sorted(report.kept)
    assert sorted(item.path.stem for item in read_training_folder(out).items) == sorted(report.kept)


def test_a_build_that_is_repeated_reads_no_frame_and_changes_nothing(raw, tmp_path, monkeypatch):
    def state() -> dict:
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in out.rglob("*")
            if path.is_file() and path.name != MANIFEST
        }

    out = tmp_path / "out"
    build_clips(raw, out, SETTINGS)
    before, manifest = state(), (out / MANIFEST).read_bytes()
    monkeypatch.setattr(build, "timed_frames", lambda path: pytest.fail(f"{path} was read again"))
    build_clips(raw, out, SETTINGS)
    assert state() == before
    assert (out / MANIFEST).read_bytes() == manifest


@pytest.mark.parametrize("stopped_after", [0, 1, 3, 5])
def test_a_build_that_was_stopped_goes_on_to_the_same_manifest(raw, tmp_path, monkeypatch, stopped_after):
    build_clips(raw, tmp_path / "whole", SETTINGS)
    out, written = tmp_path / "out", []

    def stops(frames, path, fps):
        if len(written) == stopped_after:
            raise KeyboardInterrupt
        written.append(path)
        write_mp4(frames, path, fps)

    monkeypatch.setattr(build, "write_mp4", stops)
    with pytest.raises(KeyboardInterrupt):
        build_clips(raw, out, SETTINGS)
    monkeypatch.undo()
    build_clips(raw, out, SETTINGS)
    for name in (MANIFEST, *sorted(path.name for path in (tmp_path / "whole").glob("*.mp4"))):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert len(list(out.glob("*.mp4"))) == len(list((tmp_path / "whole").glob("*.mp4")))


def test_an_episode_that_is_gone_takes_its_clips_and_its_twin_comes_back(raw, tmp_path):
    out = tmp_path / "out"
    build_clips(raw, out, SETTINGS)
    (raw / "a.mp4").unlink()
    (raw / "copy.mp4").unlink()
    report = build_clips(raw, out, SETTINGS)
    assert [frames for frames, why in reasons(out)["season/b.mp4"] if not why] == [[0, 20], [40, 60]]
    assert sorted(path.stem for path in out.glob("*.mp4")) == sorted(report.kept)


def test_two_processes_make_the_same(raw, tmp_path):
    for workers in (1, 2):
        build_clips(raw, tmp_path / str(workers), SETTINGS, workers=workers)
    names = [sorted(path.name for path in (tmp_path / which).glob("*.mp4")) for which in ("1", "2")]
    assert names[0] == names[1]
    assert (tmp_path / "1" / MANIFEST).read_bytes() == (tmp_path / "2" / MANIFEST).read_bytes()


def test_a_record_cannot_name_a_file_outside(raw, tmp_path):
    out = tmp_path / "out"
    build_clips(raw, out, SETTINGS)
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    record = next(
        path for path in (out / "anisora_output" / "build").glob("*.json") if "season" in path.read_text()
    )
    facts = json.loads(record.read_text())
    facts["clips"][1]["name"] = "../mine"
    record.write_text(json.dumps(facts))
    build_clips(raw, out, SETTINGS)
    assert (tmp_path / "mine.mp4").read_bytes() == b"mine"
    assert json.loads(record.read_text())["clips"][1]["name"] != "../mine"


def test_damaged_records_are_made_again(raw, tmp_path):
    out = tmp_path / "out"
    build_clips(raw, out, SETTINGS)
    manifest = (out / MANIFEST).read_bytes()
    records = sorted((out / "anisora_output" / "build").glob("*.json"))
    for record, text in zip(records, ["3", '{"source": "a.mp4", "clips": 3}', "{"], strict=True):
        record.write_text(text)
    build_clips(raw, out, SETTINGS)
    assert (out / MANIFEST).read_bytes() == manifest


def test_the_command_and_its_mistakes(raw, tmp_path, capsys):
    (raw / "broken.mp4").unlink()
    (raw / "copy.mp4").unlink()
    assert main(["data", "build", str(raw), str(tmp_path / "out"), "--max-seconds", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["kept"], len(said["dropped"])) == (5, 5)
    assert main(["data", "build", str(raw), str(raw / "out")]) == 2
    assert "lie in each other" in capsys.readouterr().err
    assert main(["data", "build", str(tmp_path / "none"), str(tmp_path / "out")]) == 2
    assert main(["data", "build", str(raw), str(tmp_path / "out"), "--min-seconds", "30"]) == 2
    assert "give a minimum above 0" in capsys.readouterr().err
