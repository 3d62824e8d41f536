"""Drawings in every format and with every accident, as training reads them."""

from __future__ import annotations

import os
import warnings

import av
import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.media import video
from comfyui_anisora.anisora_core.media.frames import inspect_media, read_frames
from comfyui_anisora.anisora_core.media.images import read_image, read_image_and_alpha, read_mask
from comfyui_anisora.anisora_core.media.pictures import read_picture, write_picture
from comfyui_anisora.anisora_core.media.thumbnails import read_thumbnail
from comfyui_anisora.anisora_core.media.unreadable import Unreadable
from comfyui_anisora.anisora_core.media.video import read_video, write_mp4
from picture_files import BLUE, RED, WHITE, claimed, drawing, halves, saved
from PIL import EpsImagePlugin, Image, ImageCms


def ends(path):
    """Colours of the first and the last pixel."""
    picture = read_picture(path)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    return tuple(map(int, picture[0, 0])), tuple(map(int, picture[-1, -1]))


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
    info, picture = inspect_media(path), read_picture(path)
    assert picture.shape == (info.height, info.width, 3) == ((32, 64, 3) if turn == 3 else (64, 32, 3))
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
    for read in (read_picture, inspect_media):
        with pytest.raises(ValueError, match=name) as raised:
            read(path)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("mode", ["1", "RGB"])
def test_100_megapixels_come_shrunk_and_without_a_warning(tmp_path, mode):
    path = saved(halves(0, "white", (10_000, 10_000), mode), tmp_path / ("a.png" if mode == "1" else "a.jpg"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture, info = read_picture(path), inspect_media(path)
    assert picture.shape == (5000, 5000, 3)
    assert (info.height, info.width) == (10_000, 10_000)
    assert picture[0, 0].max() < 3
    assert picture[-1, -1].min() > 252


def test_a_picture_beyond_all_measure_is_a_problem(tmp_path):
    (tmp_path / "huge.png").write_bytes(claimed(40_000, 40_000))
    with pytest.raises(ValueError, match=r"huge\.png' is larger than 100 megapixels"):
        read_picture(tmp_path / "huge.png")


#: A file of each kind whose right values are known: half grey, or half transparent black.
HALF = {
    "16 bits.png": lambda: Image.fromarray(np.full((4, 4), 32768, np.uint16)),
    "16 bits.tif": lambda: Image.fromarray(np.full((4, 4), 32768, np.uint16)),
    "integers.tif": lambda: Image.fromarray(np.full((4, 4), 32768, np.int32)),
    "floats.tif": lambda: Image.fromarray(np.full((4, 4), 0.5, np.float32)),
    "floats to 255.tif": lambda: Image.fromarray(np.array([[127.5] * 4, [255.0] * 4], np.float32)),
    "8 bits.png": lambda: Image.new("L", (4, 4), 128),
    "transparent.png": lambda: Image.new("RGBA", (4, 4), (0, 0, 0, 127)),
    "grey and alpha.png": lambda: Image.new("LA", (4, 4), (0, 127)),
    "transparent.webp": lambda: Image.new("RGBA", (4, 4), (0, 0, 0, 127)),
}


@pytest.mark.parametrize("name", HALF)
def test_nodes_and_training_read_the_same(tmp_path, name):
    path = saved(HALF[name](), tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    picture, image = read_picture(path), read_image(path)
    assert image[0, 0].tolist() == pytest.approx([0.5] * 3, abs=0.01)
    assert torch.equal(image, torch.from_numpy(picture).float() / 255)
    colours, alpha = read_image_and_alpha(path)
    assert (alpha is not None) == ("transparent" in name or "alpha" in name)
    assert torch.equal(colours, image) if alpha is None else colours.max() == 0.0


def test_nodes_convert_a_colour_profile_and_turn_as_training_does(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(halves(RED, WHITE, (64, 32)), tmp_path / "a.png", icc_profile=swapped_profile(), exif=exif)
    assert read_image(path).shape == (64, 32, 3)
    assert read_image(path)[0, 0].tolist() == pytest.approx([0.0, 0.0, 1.0], abs=0.02)
    assert torch.equal(read_image_and_alpha(path)[0], read_image(path))


@pytest.mark.parametrize("under", [WHITE, (0, 0, 0)])
def test_a_mask_on_a_transparent_layer_moves_only_where_it_is_painted(tmp_path, under):
    layer = halves((*WHITE, 255), (*under, 0), mode="RGBA")
    for name in ("a.png", "a.webp"):
        mask = read_mask(saved(layer, tmp_path / name))
        assert (mask[0, 0].item(), mask[-1, -1].item()) == (1.0, 0.0)
    grey = read_mask(saved(halves(255, 128, mode="L"), tmp_path / "b.png"))
    assert (grey[0, 0].item(), grey[-1, -1].item()) == (1.0, pytest.approx(0.5, abs=0.01))


def test_floats_that_are_no_numbers(tmp_path):
    values = np.array([[0.5, np.nan, np.inf, -np.inf, -3.0, 1.0]], np.float32)
    picture = read_picture(saved(Image.fromarray(values), tmp_path / "a.tif"))
    assert picture[0, :, 0].tolist() == [128, 0, 255, 0, 0, 255]


def postscript(folder):
    """What Pillow would hand to Ghostscript, whatever its name; here a program that never ends."""
    path = folder / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{} loop\n")
    return path


def pipe(folder):
    os.mkfifo(folder / "a.png")
    return folder / "a.png"


def damaged_avif(folder):
    path = saved(drawing(size=(256, 256)), folder / "a.avif")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def oversized(folder):
    (folder / "a.png").write_bytes(claimed(10_001, 10_000))
    return folder / "a.png"


def oversized_jpeg_2000(folder):
    """Its header, which says 8000 x 8000, without the rest."""
    whole = saved(drawing(size=(64, 64)), folder / "whole.jp2").read_bytes()
    small, large = ((side).to_bytes(4, "big") * 2 for side in (64, 8000))
    (folder / "a.jp2").write_bytes(whole.replace(small, large))
    return folder / "a.jp2"


def psd(folder):
    (folder / "a.png").write_bytes(b"8BPS" + bytes(22))
    return folder / "a.png"


def folder_of_that_name(folder):
    (folder / "a.png").mkdir()
    return folder / "a.png"


READERS = (
    read_picture, read_image, read_image_and_alpha, inspect_media, lambda path: read_frames(path, 8.0, 2),
)  # fmt: skip


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (postscript, "is not a picture"),
        (psd, "is not a picture"),
        (pipe, "is a device or pipe, not a file"),
        (folder_of_that_name, "is a folder, not a file"),
        (damaged_avif, "is (damaged or cut short|not a picture)"),
        (oversized, "is larger than 100 megapixels"),
        (oversized_jpeg_2000, "is larger than 50 megapixels"),
    ],
)
def test_every_reader_refuses(tmp_path, monkeypatch, make, what):
    """In one line, without decoding, and without starting a program; a pipe would hang if it were opened."""
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was started"))
    path = make(tmp_path)
    for read in READERS:
        with pytest.raises(Unreadable, match=what) as raised:
            read(path)
        assert "\n" not in str(raised.value)
    assert read_thumbnail(path) is None


def test_a_playlist_is_no_video(tmp_path):
    """FFmpeg would open what it names: other files, or addresses."""
    write_mp4(np.zeros((2, 32, 32, 3), np.uint8), tmp_path / "secret.mp4", 12)
    for number, text in enumerate(
        (
            "ffconcat version 1.0\nfile secret.mp4\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        )
    ):
        path = tmp_path / f"{number}.mp4"
        path.write_text(text)
        with pytest.raises(Unreadable, match="is damaged or cut short"):
            read_video(path)


def test_a_video_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    write_mp4(np.zeros((2, 32, 32, 3), np.uint8), tmp_path / "a.mp4", 12)
    monkeypatch.setattr(video, "MOST_PIXELS", 1000)
    monkeypatch.setattr(av.VideoFrame, "to_ndarray", lambda *_, **__: pytest.fail("decoded"), raising=False)
    for read in (read_video, inspect_media):
        with pytest.raises(Unreadable, match="is larger than"):
            read(tmp_path / "a.mp4")


def test_pictures_are_written_whole_in_the_format_of_their_name(tmp_path):
    colours = np.asarray(drawing())
    write_picture(colours, tmp_path / "new" / "a.png")
    assert np.array_equal(read_picture(tmp_path / "new" / "a.png"), colours)
    write_picture(np.eye(8, dtype=bool), tmp_path / "mask.png")
    assert np.array_equal(read_picture(tmp_path / "mask.png")[..., 0], np.eye(8) * 255)
    assert sorted(path.name for path in tmp_path.rglob("*.png")) == ["a.png", "mask.png"]
