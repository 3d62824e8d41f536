"""Drawings as artists have them: every format and accident of a folder, and what is said about it."""

from __future__ import annotations

import json
import struct
import warnings
import zlib

import av
import numpy as np
import pytest
from comfyui_anisora.anisora_core.data.buckets import assign
from comfyui_anisora.anisora_core.data.captions import (
    captions_by_model,
    captions_from_names,
    compose_caption,
    without_trigger,
    write_captions,
)
from comfyui_anisora.anisora_core.data.training_folder import read_training_folder, report
from comfyui_anisora.anisora_core.media.clips import write_mp4
from comfyui_anisora.anisora_core.media.pictures import fit, look_at, read_frames, read_picture
from PIL import Image, ImageCms

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def drawing(seed=0, size=(64, 48)):
    """Soft blots, so that a resized copy still looks like itself."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def halves(left, right, size=(32, 16), mode="RGB"):
    picture = Image.new(mode, size, right)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


def saved(picture, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


def ends(path):
    """Colours of the first and the last pixel."""
    picture = read_picture(path)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    return tuple(map(int, picture[0, 0])), tuple(map(int, picture[-1, -1]))


def reported(root, **options):
    folder = read_training_folder(root)
    return "\n".join(report(folder, assign(folder.items, 64 * 48, 16), **options).lines())


# Pictures


def test_16_bits_become_8_over_their_whole_range(tmp_path):
    values = np.array([[0, 128, 129, 25700, 65406, 65535]], np.uint16)
    for name in ("a.png", "a.tif"):
        picture = read_picture(saved(Image.fromarray(values), tmp_path / name))
        assert picture[0, :, 0].tolist() == [0, 0, 1, 100, 254, 255]


@pytest.mark.parametrize(("values", "white"), [((0.0, 0.5, 1.0), 1.0), ((0.0, 127.5, 255.0), 255.0)])
def test_floats_of_either_usual_range(tmp_path, values, white):
    path = saved(Image.fromarray(np.array([values], np.float32)), tmp_path / "a.tif")
    assert read_picture(path)[0, :, 0].tolist() == [0, 128, 255]


def test_cmyk_jpeg(tmp_path):
    path = saved(halves((0, 255, 255, 0), (0, 0, 0, 0), mode="CMYK"), tmp_path / "a.jpg", quality=100)
    left, right = ends(path)
    assert left[0] > 250 > 5 > max(left[1:])
    assert min(right) > 250


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "keyed RGB", "keyed L"])
def test_transparency_is_white_paper(tmp_path, mode):
    path = tmp_path / "a.png"
    if mode.startswith("keyed"):
        flat = halves(RED, BLUE).convert(mode[6:])
        saved(flat, path, transparency=flat.getpixel((31, 15)))
    elif mode == "P":
        flat = halves(RED, BLUE).quantize(4)
        saved(flat, path, transparency=flat.getpixel((31, 15)))
    else:
        saved(halves((*RED, 255), (*BLUE, 0), mode="RGBA").convert(mode), path)
    left, right = ends(path)
    assert left == (RED if "L" not in mode else (76, 76, 76))
    assert right == WHITE


def test_half_transparent_is_half_white(tmp_path):
    path = saved(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), tmp_path / "a.png")
    assert ends(path)[0] == (127, 127, 127)


def test_pictures_of_few_colours(tmp_path):
    for mode in ("1", "L"):
        assert ends(saved(halves(0, 255, mode=mode), tmp_path / "a.png")) == ((0, 0, 0), WHITE)
    assert ends(saved(halves(RED, BLUE).quantize(2), tmp_path / "a.png")) == (RED, BLUE)


@pytest.mark.parametrize(
    ("name", "options"), [("a.jpg", {"quality": 95}), ("a.png", {}), ("a.webp", {}), ("a.tif", {})]
)
@pytest.mark.parametrize("turn", [3, 6, 8])
def test_a_photo_on_its_side_is_turned(tmp_path, name, options, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    path = saved(halves(RED, BLUE, (64, 32)), tmp_path / name, exif=exif, **options)
    look, picture = look_at(path), read_picture(path)
    assert picture.shape == (look.height, look.width, 3) == ((32, 64, 3) if turn == 3 else (64, 32, 3))
    first, last = ends(path)
    red_first = turn == 6  # 6 turns clockwise: what was left is on top
    assert (first[0] > 200) == red_first
    assert (last[0] > 200) != red_first
    # Shrunk while reading as well, where JPEG takes another way.
    assert (read_picture(path, most_pixels=128)[0, 0, 0] > 200) == red_first


def swapped_profile():
    """sRGB with the names of red and blue exchanged: a profile that cannot be missed."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)


def test_a_colour_profile_is_converted_and_a_damaged_one_ignored(tmp_path):
    picture = halves(RED, WHITE)
    left, right = ends(saved(picture, tmp_path / "swapped.png", icc_profile=swapped_profile()))
    assert left[2] > 250 > 5 > left[0]
    assert min(right) > 250
    assert ends(saved(picture, tmp_path / "damaged.png", icc_profile=b"no profile")) == (RED, WHITE)
    left, right = ends(saved(picture.convert("L"), tmp_path / "grey.png", icc_profile=swapped_profile()))
    assert left == pytest.approx((76, 76, 76), abs=1)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.webp"])
def test_a_file_cut_short_is_named(tmp_path, name):
    path = saved(drawing(size=(256, 256)), tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for read in (read_picture, look_at):
        with pytest.raises(ValueError, match=name) as raised:
            read(path)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("mode", ["1", "RGB"])
def test_100_megapixels_come_shrunk_and_without_a_warning(tmp_path, mode):
    path = saved(halves(0, "white", (10_000, 10_000), mode), tmp_path / ("a.png" if mode == "1" else "a.jpg"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture, look = read_picture(path), look_at(path)
    assert picture.shape == (5000, 5000, 3)
    assert (look.height, look.width) == (10_000, 10_000)
    assert picture[0, 0].max() < 3
    assert picture[-1, -1].min() > 252


def claimed(width, height):
    """A PNG that says it is this large."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def test_a_picture_beyond_all_measure_is_a_problem(tmp_path):
    (tmp_path / "huge.png").write_bytes(claimed(40_000, 40_000))
    with pytest.raises(ValueError, match=r"huge\.png' is larger than 178 megapixels"):
        read_picture(tmp_path / "huge.png")


# Clips


def coloured(count, size=(32, 32)):
    """Frame n is grey 10 n."""
    return [Image.new("RGB", size, (10 * n,) * 3) for n in range(count)]


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {}), ("a.apng", {"format": "PNG"})],
)
def test_animated_pictures_are_clips_resampled_by_nearest_time(tmp_path, name, options):
    first, *rest = coloured(8)
    path = saved(first, tmp_path / name, save_all=True, append_images=rest, duration=100, **options)
    assert look_at(path).num_frames == 8
    assert read_frames(path, 10, 100)[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40, 50, 60, 70]
    assert read_frames(path, 5, 100)[:, 0, 0, 0].tolist() == [0, 20, 40, 60]
    assert read_frames(path, 20, 6)[:, 0, 0, 0].tolist() == [0, 0, 10, 10, 20, 20]
    assert ends(path)[0] == (0, 0, 0)


def test_each_frame_of_an_animation_stays_as_long_as_it_says(tmp_path):
    first, *rest = coloured(3)
    path = saved(
        first, tmp_path / "a.webp", save_all=True, append_images=rest, duration=[300, 100, 200], lossless=True
    )
    assert read_frames(path, 10, 100)[:, 0, 0, 0].tolist() == [0, 0, 10, 10, 20, 20]


def test_videos_are_resampled_and_counted(tmp_path):
    frames = np.stack([np.full((32, 48, 3), 10 * n, np.uint8) for n in range(24)])
    write_mp4(frames, tmp_path / "a.mp4", fps=24)
    look = look_at(tmp_path / "a.mp4")
    assert (look.height, look.width, look.num_frames) == (32, 48, 24)
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
    assert look_at(tmp_path / "a.mp4").height == 64


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
    for read in (look_at, lambda path: read_frames(path, 8, 100)):
        with pytest.raises(ValueError, match=name):
            read(path)


def test_sound_alone_is_no_clip(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        sound.rate = 48_000
        container.mux([*stream.encode(sound), *stream.encode(None)])
    with pytest.raises(ValueError, match="sound but no pictures"):
        look_at(tmp_path / "a.mp4")


def test_a_still_is_one_frame(tmp_path):
    assert read_frames(saved(drawing(), tmp_path / "a.png"), 24, 10).shape == (1, 48, 64, 3)
    with pytest.raises(ValueError, match="above zero"):
        read_frames(tmp_path / "a.png", 0, 10)


# Cutting to size


def test_fit_covers_and_cuts_the_middle():
    stripes = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None], 20, 0).repeat(3, 2)
    assert np.array_equal(fit(stripes, 20, 20)[0, :, 0], np.arange(20, 40))
    assert np.array_equal(fit(stripes, 20, 60), stripes)
    assert fit(stripes, 40, 16).shape == (40, 16, 3)
    assert fit(stripes, 10, 10)[5, :, 0].tolist() == pytest.approx(np.arange(20.5, 40, 2).tolist(), abs=1)


def test_random_cuts_reach_both_ends_and_frames_are_cut_alike():
    stripes = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None], 20, 0).repeat(3, 2)
    rng = np.random.default_rng(0)
    lefts = [int(fit(stripes, 20, 20, rng)[0, 0, 0]) for _ in range(200)]
    assert min(lefts) == 0
    assert max(lefts) >= 38
    clip = fit(np.stack([stripes, stripes]), 20, 20, rng)
    assert np.array_equal(clip[0], clip[1])


# The folder


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: None, "does not exist"),
        (lambda root: root.touch(), "is a file; give the folder"),
        (lambda root: root.mkdir(), "put drawings into it"),
        (lambda root: (root.mkdir(), (root / "a.png").touch()), "'a.png' is an empty file"),
    ],
)
def test_nothing_to_train_on_is_one_clear_line(tmp_path, make, says):
    make(tmp_path / "art")
    with pytest.raises(ValueError, match=says) as raised:
        read_training_folder(tmp_path / "art")
    assert "art" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_one_picture_is_enough_but_a_warning(tmp_path):
    saved(drawing(), tmp_path / "a.png")
    folder = read_training_folder(tmp_path)
    (item,) = folder.items
    assert (item.height, item.width, item.num_frames, item.caption, item.repeats) == (48, 64, 1, "", 1)
    assert "20 or more" in reported(tmp_path)


def test_broken_files_are_left_out_and_named(tmp_path):
    saved(drawing(), tmp_path / "good.png")
    cut = saved(drawing(1, (256, 256)), tmp_path / "cut.png")
    cut.write_bytes(cut.read_bytes()[:5000])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.webp").write_text("no picture")
    (tmp_path / "text.mp4").write_text("no clip")
    (tmp_path / "huge.png").write_bytes(claimed(40_000, 40_000))
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "source.clip").write_text("layers")
    (tmp_path / "readme.md").write_text("not even looked at")
    folder = read_training_folder(tmp_path)
    assert [item.path.name for item in folder.items] == ["good.png"]
    told = {problem.path.name: (problem.kind, problem.what) for problem in folder.problems}
    assert {name for name, (kind, _) in told.items() if kind == "broken"} == {
        "cut.png", "empty.jpg", "text.webp", "text.mp4", "huge.png", "gone.png",
    }  # fmt: skip
    assert told["source.clip"] == ("skipped", "is a drawing program's own file; save it as PNG")
    assert all("\n" not in what for _, what in told.values())
    assert list(told) == sorted(told)


def test_hidden_files_our_output_and_link_loops_are_not_followed(tmp_path):
    root = tmp_path / "outside" / "art"
    saved(drawing(0), root / "b" / "a.png")
    saved(drawing(1), root / ".hidden.png")
    saved(drawing(2), root / ".cache" / "a.png")
    saved(drawing(3), root / "anisora_output" / "sample.png")
    saved(drawing(4), tmp_path / "outside" / "private.png")
    saved(drawing(5), tmp_path / "more" / "linked.png")
    (root / "b" / "loop").symlink_to(root)
    (root / "up").symlink_to(tmp_path / "outside")
    (root / "more").symlink_to(tmp_path / "more")
    (root / "again").symlink_to(tmp_path / "more")
    folder = read_training_folder(root)
    assert [str(item.path.relative_to(root)) for item in folder.items] == ["again/linked.png", "b/a.png"]
    assert not folder.problems


def test_names_with_anything_in_them(tmp_path):
    names = [
        'it\'s "art".png',
        "line\nbreak.png",
        "絵 🎨.png",
        "a,b;$(c) %d.png",
        "-rf.png",
        "a.b.c.png",
        b"\xff.png",
    ]
    for number, name in enumerate(names):
        path = tmp_path / (name if isinstance(name, str) else name.decode(errors="surrogateescape"))
        saved(drawing(number), path).with_suffix(".txt").write_text(f"picture {number}")
    folder = read_training_folder(tmp_path)
    assert sorted(item.caption for item in folder.items) == [f"picture {n}" for n in range(len(names))]
    (tmp_path / "line\nbreak.png").write_bytes(b"broken")
    shown = report(read := read_training_folder(tmp_path), assign(read.items, 64 * 48, 16))
    assert all("\n" not in line for line in shown.lines())
    assert "'line\\nbreak.png' is no picture" in "\n".join(shown.lines())
    "\n".join(shown.lines()).encode()
    json.dumps(shown.as_json()).encode()


def test_order_is_of_names_not_of_the_disk(tmp_path):
    for number, name in enumerate(("c.png", "a/z.png", "b.png", "a.png")):
        saved(drawing(number), tmp_path / name)
    names = [str(item.path.relative_to(tmp_path)) for item in read_training_folder(tmp_path).items]
    assert names == ["a.png", "a/z.png", "b.png", "c.png"]


def test_repeats_come_from_the_nearest_numbered_folder(tmp_path):
    for number, name in enumerate(
        ("a.png", "3_ink/b.png", "3_ink/sub/c.png", "3_ink/7_wash/d.png", "2024_old/e.png")
    ):
        saved(drawing(number), tmp_path / name)
    repeats = {item.path.stem: item.repeats for item in read_training_folder(tmp_path).items}
    assert repeats == {"a": 1, "b": 3, "c": 3, "d": 7, "e": 1}
    assert "2 shown 3 times an epoch" in reported(tmp_path)


def test_the_same_file_counts_once_and_the_captioned_one_stays(tmp_path):
    first = saved(drawing(0), tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "copy.png").write_bytes(first.read_bytes())
    (tmp_path / "sub" / "copy.txt").write_text("a cat")
    saved(drawing(1), tmp_path / "b.png")
    (tmp_path / "c.png").touch()
    folder = read_training_folder(tmp_path)
    assert [item.path.name for item in folder.items] == ["b.png", "copy.png"]
    problem, _ = folder.problems
    assert (problem.path.name, problem.kind) == ("a.png", "duplicate")
    assert "'sub/copy.png'" in problem.what


def test_near_duplicates_are_told_and_kept(tmp_path):
    saved(drawing(0, (320, 240)), tmp_path / "a.png")
    saved(drawing(0, (320, 240)).resize((200, 150)), tmp_path / "b.jpg", quality=60)
    saved(drawing(0, (320, 240)).crop((8, 6, 312, 234)), tmp_path / "c.png")
    for seed in range(1, 20):
        saved(drawing(seed), tmp_path / f"other{seed}.png")
    folder = read_training_folder(tmp_path)
    assert len(folder.items) == 22
    assert [(a.name, b.name) for a, b in folder.similar] == [("a.png", "b.jpg"), ("a.png", "c.png")]
    assert "'b.jpg' looks like 'a.png'" in reported(tmp_path)


def test_line_drawings_on_white_are_told_apart(tmp_path):
    from PIL import ImageDraw

    for seed in range(20):
        page = Image.new("L", (400, 300), 255)
        points = np.random.default_rng(seed).integers(40, 260, (12, 2)).ravel().tolist()
        ImageDraw.Draw(page).line(points, fill=0, width=3)
        saved(page, tmp_path / f"{seed}.png")
    assert not read_training_folder(tmp_path).similar


# Captions


def test_captions_from_text_and_from_every_form_of_jsonl(tmp_path):
    for number, name in enumerate(
        ("txt.png", "sub/hf.png", "kohya.png", "musubi.png", "none.png", "empty.png", "both.png")
    ):
        saved(drawing(number), tmp_path / name)
    (tmp_path / "txt.txt").write_bytes("\ufeffa cat,\r\n sitting \n".encode())
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "both.txt").write_text("from the text")
    lines = [
        {"file_name": "sub/hf.png", "text": "a dog"},
        {"image": str(tmp_path / "kohya.png"), "caption": "a\nhorse\ud83d"},  # half of an emoji
        {"file_name": "./sub/../both.png", "text": "from the list"},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "sub" / "more.jsonl").write_text(
        json.dumps({"media_path": "../musubi.png", "prompt": "a bird"}) + "\n\n"
    )
    folder = read_training_folder(tmp_path)
    assert {item.path.stem: item.caption for item in folder.items} == {
        "txt": "a cat, sitting", "hf": "a dog", "kohya": "a horse?", "musubi": "a bird", "none": "", "empty": "",
        "both": "from the text",
    }  # fmt: skip
    said = reported(tmp_path)
    assert "1 without a caption: 'none.png'" in said
    assert "'empty.png' has an empty caption" in said


def test_what_is_wrong_with_captions_is_said(tmp_path):
    saved(drawing(0), tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes("猫".encode("shift-jis"))
    (tmp_path / "list.jsonl").write_text(
        '{"file_name": "a.png", "text": "a cat"}\n{"file_name": "gone.png"}\nno\n[1]\n'
    )
    folder = read_training_folder(tmp_path)
    assert folder.items[0].caption == "a cat"
    assert [problem.kind for problem in folder.problems] == ["caption", "caption"]
    said = "\n".join(problem.what for problem in folder.problems)
    assert "save its .txt again as UTF-8" in said
    assert "3 lines" in said
    assert "'gone.png'" in said


@pytest.mark.parametrize(
    ("caption", "trigger", "composed"),
    [
        ("a cat", "inkwash", "inkwash, a cat"),
        ("a cat, InkWash", "inkwash", "a cat, InkWash"),
        ("inkwashed", "inkwash", "inkwash, inkwashed"),
        ("blinkwash", "inkwash", "inkwash, blinkwash"),
        ("", "ink (wash)", "ink (wash)"),
        ("a cat", "", "a cat"),
        ("", "", ""),
    ],
)
def test_the_trigger_is_said_once(caption, trigger, composed):
    rng = np.random.default_rng(0)
    assert compose_caption(caption, trigger, shuffle=False, keep=0, rng=rng) == composed


@pytest.mark.parametrize(
    ("caption", "trigger", "left"),
    [
        ("inkwash, a cat", "inkwash", "a cat"),
        ("a cat, InkWash, at night.", "inkwash", "a cat, at night"),
        ("a pink hat", "ink", "a pink hat"),
        ("Ink (wash). A cat", "ink (wash)", "A cat"),
        ("ink", "ink", ""),
        ("a cat, 7 p.m.", "", "a cat, 7 p.m"),
    ],
)
def test_the_trigger_is_left_out(caption, trigger, left):
    assert without_trigger(caption, trigger) == left


def test_tags_after_the_kept_ones_are_shuffled():
    rng = np.random.default_rng(0)
    composed = {compose_caption("a, b, c, d,", "t", shuffle=True, keep=2, rng=rng) for _ in range(40)}
    assert composed == {"t, a, b, c, d", "t, a, b, d, c"}
    assert len({compose_caption("a, b, c", "", shuffle=True, keep=0, rng=rng) for _ in range(100)}) == 6


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("01_red-haired_girl2.png", "red haired girl"),
        ("2024-03-01 (7).png", ""),
        ("3f9c_cat's.png", "cat's"),
        ("猫_12.png", "猫"),
    ],
)
def test_names_become_words(tmp_path, name, caption):
    path = saved(drawing(), tmp_path / name)
    assert list(captions_from_names(read_training_folder(tmp_path).items)) == [(path, caption)]


def test_an_artists_caption_is_never_overwritten_unasked(tmp_path):
    (tmp_path / "a.txt").write_text("mine")
    pairs = [(tmp_path / "a.png", "new"), (tmp_path / "b.png", "猫"), (tmp_path / "c.png", "")]
    assert write_captions(pairs) == [tmp_path / "b.txt"]
    assert (tmp_path / "a.txt").read_text() == "mine"
    assert (tmp_path / "b.txt").read_text("utf-8") == "猫\n"
    assert write_captions(pairs[:1], overwrite=True) == [tmp_path / "a.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_a_model_of_transformers_captions_pictures_and_clips(tmp_path):
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", "a", "cat", "runs", "red"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    layers = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokens = {
        "vocab_size": len(words),
        "bos_token_id": 5,
        "pad_token_id": 0,
        "eos_token_id": 3,
        "sep_token_id": 3,
    }
    config = transformers.BlipConfig(
        text_config={**layers, **tokens, "encoder_hidden_size": 16},
        vision_config={**layers, "image_size": 32, "patch_size": 16},
    )
    model = tmp_path / "model"
    transformers.BlipForConditionalGeneration(config).save_pretrained(model)
    transformers.BlipProcessor(
        transformers.BlipImageProcessor(size={"height": 32, "width": 32}),
        transformers.BertTokenizer(str(tmp_path / "vocab.txt")),
    ).save_pretrained(model)
    first, *rest = coloured(3)
    paths = [
        saved(drawing(), tmp_path / "a.png"),
        saved(first, tmp_path / "b.gif", save_all=True, append_images=rest),
    ]
    said = list(captions_by_model(paths, model))
    assert [path for path, _ in said] == paths
    assert all(isinstance(caption, str) and set(caption.split()) <= set(words) for _, caption in said)
    assert any(caption for _, caption in said)


def test_a_folder_without_a_captioning_model_is_named(tmp_path):
    pytest.importorskip("transformers")
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(ValueError, match="blip-image-captioning-base") as raised:
            captions_by_model([], folder)
        assert str(folder) in str(raised.value)
        assert "\n" not in str(raised.value)


# The report


def test_the_report_counts_what_it_says(tmp_path):
    for number in range(3):
        saved(drawing(number, (96, 64)), tmp_path / f"{number}.png")
    saved(drawing(3, (48, 32)), tmp_path / "small.png")
    saved(drawing(4, (8, 8)), tmp_path / "tiny.png")
    first, *rest = coloured(5, (64, 64))
    saved(first, tmp_path / "clip.gif", save_all=True, append_images=rest)
    folder = read_training_folder(tmp_path)
    told = report(folder, assign(folder.items, 64 * 64, 16), area=64 * 64)
    assert (told.pictures, told.clips) == (5, {"clip.gif": 5})
    assert (told.smallest, told.largest) == ((8, 8), (64, 96))
    assert told.buckets == {(32, 48): 1, (48, 80): 3, (64, 64): 1}
    assert (told.small, told.too_small) == (("small.png",), ("tiny.png",))
    assert told.as_json()["buckets"] == {"48x32": 1, "80x48": 3, "64x64": 1}
    assert json.loads(json.dumps(told.as_json())) == told.as_json()
    assert told.lines()[0] == "5 pictures and 1 clips, 8x8 to 96x64"
