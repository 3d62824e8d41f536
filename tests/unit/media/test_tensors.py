"""Conversions between pixels, frames and video: each there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.media.images import read_as_stored, read_image, read_image_and_alpha
from comfyui_anisora.anisora_core.media.tensors import (
    centred,
    to_bytes,
    to_floats,
    to_frames,
    to_video,
    uncentred,
)
from comfyui_anisora.anisora_core.media.thumbnails import jpeg_url, read_thumbnail, thumbnail
from PIL import Image

EVERY = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)


def test_every_byte_survives():
    assert np.array_equal(to_bytes(to_floats(EVERY)), EVERY)
    assert np.array_equal(to_bytes(to_frames(to_video(EVERY))), EVERY)
    assert np.array_equal(to_bytes(uncentred(centred(to_floats(EVERY)))), EVERY)


def test_ranges_and_axes():
    frames = torch.rand(5, 4, 6, 3)
    video = centred(frames)
    assert video.shape == (3, 5, 4, 6)
    assert video[1, 2, 3, 4].item() == pytest.approx(2 * frames[2, 3, 4, 1].item() - 1)
    assert centred(frames[0]).shape == (3, 4, 6)
    assert to_video(np.array([[[[0, 255, 51]]]], np.uint8)).flatten().tolist() == pytest.approx([-1, 1, -0.6])


def test_only_decoded_video_and_bytes_are_clamped():
    loud = torch.tensor([-3.0, 3.0]).view(1, 1, 1, 2).bfloat16()
    assert uncentred(loud).flatten().tolist() == [-1.0, 2.0]
    assert uncentred(loud).dtype == torch.bfloat16
    assert to_frames(loud).flatten().tolist() == [0.0, 1.0]
    assert to_frames(loud).dtype == torch.float32
    assert to_bytes(torch.tensor([-0.5, 0.5 / 255 + 1e-4, 7.0])).tolist() == [0, 1, 255]


def test_nodes_read_transparency_apart_or_over_white(tmp_path):
    Image.new("RGBA", (4, 2), (255, 0, 0, 51)).save(tmp_path / "a.png")
    colours, alpha = read_image_and_alpha(tmp_path / "a.png")
    assert colours[0, 0].tolist() == [1.0, 0.0, 0.0]
    assert alpha is not None
    assert alpha.shape == (2, 4)
    assert alpha[0, 0].item() == pytest.approx(0.2)
    assert read_image(tmp_path / "a.png")[0, 0].tolist() == pytest.approx([1.0, 0.8, 0.8])
    assert read_as_stored(tmp_path / "a.png")[0, 0].tolist() == [255, 0, 0, 51]
    with pytest.raises(ValueError, match="does not exist"):
        read_image(tmp_path / "b.png")
    with pytest.raises(ValueError, match="cannot be read"):
        read_as_stored(tmp_path / "b.png")


def test_a_thumbnail_that_cannot_be_read_is_none(tmp_path):
    path = tmp_path / "a.png"
    assert read_thumbnail(path) is None
    path.write_bytes(b"no picture")
    assert read_thumbnail(path) is None
    thumbnail(np.full((4, 8, 3), 7, np.uint8), 20).save(path)
    found = read_thumbnail(path)
    assert found is not None
    assert found.tolist() == np.full((4, 8, 3), 7).tolist()


def test_thumbnails_are_never_enlarged():
    assert thumbnail(np.zeros((40, 80, 3), np.uint8), 20).size == (20, 10)
    assert thumbnail(np.zeros((4, 8, 3), np.uint8), 20).size == (8, 4)
    assert jpeg_url(np.zeros((4, 8, 3), np.uint8), 20).startswith("data:image/jpeg;base64,/9j/")
