"""`anisora evaluate` on runs that are whole, and on every kind of media that is not."""

from __future__ import annotations

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from comfyui_anisora.anisora_core.media.video import write_mp4, write_webp
from comfyui_anisora.cli import main
from PIL import Image

from tests.known_clips import sliding_square

CLIP = sliding_square()


def encode(path, frames, *, codec="libx264", pixels="yuv420p", times=None, container=None):
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=8)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, 80)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
            frame.pts, frame.time_base = times[number] if times else 10 * number, Fraction(1, 80)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def sound_only(path):
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        file.mux(stream.encode(sound))
        file.mux(stream.encode())


@pytest.fixture
def odd_media(tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    write_mp4(CLIP, folder / "plain.mp4", 8.0)
    (folder / "truncated.mp4").write_bytes((folder / "plain.mp4").read_bytes()[:1500])
    (folder / "zero.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("not a video")
    sound_only(folder / "sound.mp4")
    encode(folder / "ten_bit.mkv", CLIP, pixels="yuv420p10le")
    encode(folder / "variable.mkv", CLIP, times=[0, 5, 30, 35, 60, 65, 90, 95, 120])
    encode(folder / "odd_size.mkv", CLIP[:, :61, :57], codec="ffv1", pixels="bgr0")
    encode(folder / "one_frame.mkv", CLIP[:1])
    encode(
        folder / "huge.mkv",
        [np.kron(frame, np.ones((72, 120, 1), np.uint8)) for frame in CLIP[:2]],
        codec="mjpeg",
        pixels="yuvj420p",
    )
    clear = np.concatenate([CLIP, np.full((*CLIP.shape[:3], 1), 128, np.uint8)], axis=3)
    first, *rest = map(Image.fromarray, clear)
    first.save(folder / "alpha.webp", save_all=True, append_images=rest, duration=100, lossless=True)
    write_webp(CLIP[:, :20], folder / "tiny.webp", 8.0)
    return folder


def test_odd_media_are_named_and_the_others_measured(odd_media, tmp_path, capsys):
    assert main(["evaluate", str(odd_media), "--out", str(tmp_path / "card"), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    card = json.loads((tmp_path / "card" / "report_card.json").read_text())
    clips = {clip["name"]: clip for clip in card["runs"][0]["clips"]}
    problems = {name: clip["problem"] for name, clip in clips.items() if "problem" in clip}
    assert set(problems) == {"truncated", "zero", "text", "sound", "tiny"}
    for name, problem in problems.items():
        assert f"{name}." in problem
    assert "has sound but no pictures" in problems["sound"]
    assert said["runs"][0]["valid_sample_ratio"] == pytest.approx(7 / 12)
    width, height = map(int, clips["huge"]["size"].split("x"))
    assert 300_000 < width * height <= 1280 * 720
    assert clips["odd_size"]["size"] == "57x61"
    assert clips["ten_bit"]["values"]["drawing_rate"] == 8.0
    assert clips["one_frame"]["values"] == {}
    assert clips["variable"]["frames"] == 9
    assert clips["alpha"]["frames"] == 9


def test_two_runs_against_the_truth(tmp_path, capsys):
    for name, noise in {"true": 0, "clean": 2, "noisy": 30}.items():
        (tmp_path / name).mkdir()
        for number in range(2):
            added = np.random.default_rng(number).integers(-noise, noise + 1, CLIP.shape)
            write_mp4(np.clip(CLIP + added, 0, 255).astype(np.uint8), tmp_path / name / f"{number}.mp4", 8.0)
    (tmp_path / "prompts.txt").write_text("0\ta square slides\n1\tanother\n")
    out = tmp_path / "card"
    arguments = [str(tmp_path / "clean"), str(tmp_path / "noisy"), "--reference", str(tmp_path / "true"),
                 "--prompts", str(tmp_path / "prompts.txt"), "--out", str(out)]  # fmt: skip
    assert main(["evaluate", *arguments]) == 0
    lines = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "100 %" in lines["valid samples"]
    card = json.loads((out / "report_card.json").read_text())
    clean, noisy = (run["summary"] for run in card["runs"])
    assert clean["psnr"]["mean"] > noisy["psnr"]["mean"] + 5
    assert card["differences"]["noisy"]["psnr"]["high"] < -5
    assert card["runs"][0]["clips"][0]["prompt"] == "a square slides"
    page = (out / "report_card.html").read_text()
    assert "a square slides" in page
    assert sorted(path.name for path in out.iterdir()) == ["report_card.html", "report_card.json"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{0}/none"], "none"),
        (["{0}"], "has no clip"),
        (["{0}/a.mp4", "{0}/b/a.mp4"], "two files have one name"),
    ],
)
def test_a_mistake_is_one_line(arguments, expected, tmp_path, capsys):
    (tmp_path / "b").mkdir()
    for place in (tmp_path / "b",) if expected == "has no clip" else (tmp_path / "b", tmp_path):
        write_mp4(CLIP[:2], place / "a.mp4", 8.0)
    code = main(["evaluate", *(text.format(tmp_path) for text in arguments), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert code in (1, 2)
    assert expected in said.err + said.out
