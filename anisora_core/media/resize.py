"""Pictures and masks brought to another size: one geometry, and an interpolation for each purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .optical_flow import opencv

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Cover:
    """How a picture of one shape fills a target of another: scaled until it covers it, the middle kept.

    `scaled` is its size after scaling in whole pixels, neither side below the target's; `top` and `left` are where
    the target lies in it. `box` is the same area in the source's own pixels: left, top, right, bottom.
    """

    scale: float
    scaled: Size
    top: int
    left: int
    box: tuple[float, float, float, float]


def cover(source: Size, target: Size, share: float = 0.5) -> Cover:
    """`share`: where `box` lies along the side that is too long, 0.0 at its start to 1.0 at its end."""
    (source_h, source_w), (height, width) = source, target
    scale = max(height / source_h, width / source_w)
    scaled = max(height, round(source_h * scale)), max(width, round(source_w * scale))
    box_h, box_w = min(source_h, height / scale), min(source_w, width / scale)
    # Whole pixels: a picture that is only cut stays as sharp as it was.
    top, left = int((source_h - box_h) * share), int((source_w - box_w) * share)
    box = (left, top, left + box_w, top + box_h)
    return Cover(scale, scaled, (scaled[0] - height) // 2, (scaled[1] - width) // 2, box)


def cover_crop(planes_BCHW: Tensor, target: Size, mode: Literal["bilinear", "bicubic"]) -> Tensor:
    """Antialiased; the middle of the scaled planes, clamped to 0..1."""
    placed = cover((planes_BCHW.shape[2], planes_BCHW.shape[3]), target)
    return _middle(F.interpolate(planes_BCHW, placed.scaled, mode=mode, antialias=True), target).clamp(
        0.0, 1.0
    )


def v1_cover_crop(planes_BCHW: Tensor, target: Size) -> Tensor:
    """Bicubic as AniSora V1's own program (`resize_for_rectangle_crop`): the longer side is truncated to whole pixels, and edges
    may overshoot 0..1."""
    (height, width), (source_h, source_w) = target, planes_BCHW.shape[2:]
    wide = source_w / source_h > width / height
    scaled = (
        (height, int(source_w * height / source_h)) if wide else (int(source_h * width / source_w), width)
    )
    return _middle(F.interpolate(planes_BCHW, scaled, mode="bicubic", antialias=True), target)


def _middle(planes_BCHW: Tensor, target: Size) -> Tensor:
    top, left = ((side - wanted) // 2 for side, wanted in zip(planes_BCHW.shape[2:], target, strict=True))
    return planes_BCHW[:, :, top : top + target[0], left : left + target[1]]


def stretch(pictures_BHWC: Tensor, target: Size) -> Tensor:
    """Bicubic without antialiasing, as Wan's and AniSora's own programs; it may overshoot 0..1."""
    return F.interpolate(pictures_BHWC.movedim(3, 1), target, mode="bicubic").movedim(1, 3)


def stretch_mask(mask_FHW: Tensor, target: Size) -> Tensor:
    return F.interpolate(mask_FHW[:, None], target, mode="bilinear", antialias=True)[:, 0]


def shrunk_size(size: Size, side: int, multiple: int = 1) -> Size:
    """With a shorter side of `side` pixels at most; both to the nearest `multiple`, and at least one of it."""
    share = min(1.0, side / min(size))
    height, width = (max(multiple, multiple * round(length * share / multiple)) for length in size)
    return height, width


def resized_pixels(picture: np.ndarray, target: Size) -> np.ndarray:
    """uint8 HWC or HW at another size, by OpenCV for speed: averaged over areas when it shrinks, bicubic when it grows."""
    height, width = target
    if picture.shape[:2] == (height, width):
        return picture
    cv2 = opencv()
    shrinks = height * width < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def cover_crop_pixels(pixels: np.ndarray, target: Size, rng: np.random.Generator | None = None) -> np.ndarray:
    """HWC or FHWC uint8, by Pillow's Lanczos: training's resizing.

    The cut is in the middle, or with `rng` anywhere along the side that is too long; all frames are cut alike.
    """
    source_h, source_w = pixels.shape[-3:-1]
    box = cover((source_h, source_w), target, 0.5 if rng is None else rng.random()).box
    height, width = target
    frames = [
        np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS, box))
        for frame in pixels.reshape(-1, source_h, source_w, 3)
    ]
    return np.stack(frames).reshape(*pixels.shape[:-3], height, width, 3)
