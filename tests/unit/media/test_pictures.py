"""Drawings in every format and with every accident, as training reads them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from comfyui_anisora.anisora_core.media.frames import inspect_media
from comfyui_anisora.anisora_core.media.pictures import read_picture, write_picture
from picture_files import BLUE, RED, WHITE, claimed, drawing, halves, saved
from PIL import Image, ImageCms


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
    with pytest.raises(ValueError, match=r"huge\.png' is larger than 178 megapixels"):
        read_picture(tmp_path / "huge.png")


def test_pictures_are_written_whole_in_the_format_of_their_name(tmp_path):
    colours = np.asarray(drawing())
    write_picture(colours, tmp_path / "new" / "a.png")
    assert np.array_equal(read_picture(tmp_path / "new" / "a.png"), colours)
    write_picture(np.eye(8, dtype=bool), tmp_path / "mask.png")
    assert np.array_equal(read_picture(tmp_path / "mask.png")[..., 0], np.eye(8) * 255)
    assert sorted(path.name for path in tmp_path.rglob("*.png")) == ["a.png", "mask.png"]
