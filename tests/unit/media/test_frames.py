"""Clips and animated pictures: their frames at a rate, and what a file holds."""

from __future__ import annotations

import struct

import av
import numpy as np
import pytest
from comfyui_anisora.anisora_core.media.frames import inspect_media, read_frames
from comfyui_anisora.anisora_core.media.pictures import read_picture
from comfyui_anisora.anisora_core.media.video import read_video, write_mp4
from picture_files import coloured, drawing, saved


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {}), ("a.apng", {"format": "PNG"})],
)
def test_animated_pictures_are_clips_resampled_by_nearest_time(tmp_path, name, options):
    first, *rest = coloured(8)
    path = saved(first, tmp_path / name, save_all=True, append_images=rest, duration=100, **options)
    assert inspect_media(path).num_frames == 8
    assert read_frames(path, 10, 100)[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40, 50, 60, 70]
    assert read_frames(path, 5, 100)[:, 0, 0, 0].tolist() == [0, 20, 40, 60]
    assert read_frames(path, 20, 6)[:, 0, 0, 0].tolist() == [0, 0, 10, 10, 20, 20]
    assert read_picture(path)[0, 0].tolist() == [0, 0, 0]


def test_each_frame_of_an_animation_stays_as_long_as_it_says(tmp_path):
    first, *rest = coloured(3)
    path = saved(
        first, tmp_path / "a.webp", save_all=True, append_images=rest, duration=[300, 100, 200], lossless=True
    )
    assert read_frames(path, 10, 100)[:, 0, 0, 0].tolist() == [0, 0, 10, 10, 20, 20]


def test_videos_are_resampled_and_counted(tmp_path):
    frames = np.stack([np.full((32, 48, 3), 10 * n, np.uint8) for n in range(24)])
    write_mp4(frames, tmp_path / "a.mp4", fps=24)
    info = inspect_media(tmp_path / "a.mp4")
    assert (info.height, info.width, info.num_frames) == (32, 48, 24)
    for fps, expected in ((24, range(0, 240, 10)), (12, range(0, 240, 20)), (6, range(0, 240, 40))):
        read = read_frames(tmp_path / "a.mp4", fps, 100)
        assert read.shape[1:] == (32, 48, 3)
        assert read[:, 5, 5, 1].tolist() == pytest.approx(list(expected), abs=4)
    assert len(read_frames(tmp_path / "a.mp4", 24, 5)) == 5
    assert read_frames(tmp_path / "a.mp4", 24, 5, most_pixels=400).shape == (5, 16, 24, 3)


def test_a_video_filmed_on_its_side_is_turned(tmp_path):
    top = np.zeros((2, 32, 64, 3), np.uint8)
    top[:, :, 32:] = 255
    write_mp4(top, tmp_path / "a.mp4", fps=2)
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    clockwise = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    movie = (tmp_path / "a.mp4").read_bytes()
    track = movie.index(b"tkhd")
    (tmp_path / "a.mp4").write_bytes(movie[:track] + movie[track:].replace(upright, clockwise, 1))
    frame = read_frames(tmp_path / "a.mp4", 2, 1)[0]
    assert frame.shape == (64, 32, 3)
    assert frame[0, 0, 0] < 20  # the left, dark half is on top
    assert frame[-1, -1, 0] > 235
    assert inspect_media(tmp_path / "a.mp4").height == 64


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.webp", "a.png"])
def test_a_clip_cut_short_is_found_before_training(tmp_path, name):
    """Also where its first frames are whole."""
    path, frames = tmp_path / name, [drawing(n) for n in range(12)]
    if name == "a.mp4":
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=8)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for frame in [*map(av.VideoFrame.from_image, frames), None]:
                container.mux(stream.encode(frame))
    else:
        saved(frames[0], path, save_all=True, append_images=frames[1:], duration=100)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.97)])
    for read in (inspect_media, lambda path: read_frames(path, 8, 100)):
        with pytest.raises(ValueError, match=name):
            read(path)


def test_sound_alone_is_no_clip(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        sound.rate = 48_000
        container.mux([*stream.encode(sound), *stream.encode(None)])
    with pytest.raises(ValueError, match="sound but no pictures"):
        inspect_media(tmp_path / "a.mp4")


def test_a_still_is_one_frame(tmp_path):
    assert read_frames(saved(drawing(), tmp_path / "a.png"), 24, 10).shape == (1, 48, 64, 3)
    with pytest.raises(ValueError, match="above zero"):
        read_frames(tmp_path / "a.png", 0, 10)


def test_a_video_comes_back_frame_by_frame(tmp_path):
    frames = np.stack([np.asarray(frame) for frame in coloured(5)])
    write_mp4(frames, tmp_path / "a.mp4", fps=12)
    read = read_video(tmp_path / "a.mp4")
    assert read.shape == frames.shape
    assert np.abs(read.astype(int) - frames).mean() < 6


@pytest.mark.parametrize(
    ("size", "space"), [((64, 96), 6), ((720, 960), 1), ((64, 1280), 1), ((718, 1278), 6)]
)
def test_a_video_says_how_its_colours_are_coded(tmp_path, size, space):
    """A player that believes the tags, as ours, and one that assumes them from the size, show the same colours."""
    colour = (200, 30, 60)
    write_mp4(np.full((2, *size, 3), colour, np.uint8), tmp_path / "a.mp4", 12)
    with av.open(str(tmp_path / "a.mp4")) as container:
        coded = container.streams.video[0].codec_context
        assert (coded.colorspace, coded.color_primaries, coded.color_trc, coded.color_range) == (
            space,
            1,
            1,
            1,
        )
        luma = int(next(container.decode(video=0)).to_ndarray()[0, 0])
    red, blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}[space]
    weights = (red, 1 - red - blue, blue)
    assert luma == pytest.approx(16 + 219 / 255 * np.dot(weights, colour), abs=2)
    assert read_video(tmp_path / "a.mp4")[0, 0, 0] == pytest.approx(colour, abs=4)


def test_a_video_has_even_sides(tmp_path):
    with pytest.raises(ValueError, match="use 62x48"):
        write_mp4(np.zeros((2, 48, 63, 3), np.uint8), tmp_path / "a.mp4", 12)
    assert not list(tmp_path.iterdir())
