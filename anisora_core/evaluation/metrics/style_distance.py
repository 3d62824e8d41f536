"""How far pictures are from a style: distances between their distributions of colours and of lines. Pictures are uint8 NHWC.

Both compare the pixels of two whole sets, so the sets may differ in number and no picture needs a partner; all should have
one size, since lines are measured in pixels. The definitions were fixed before any style LoRA was trained (docs/style_lora.md).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

_QUANTILES = np.linspace(0.0, 1.0, 513)[1::2]
_DIRECTIONS = 64


def colour_distance(pictures: np.ndarray, style: np.ndarray) -> float:
    """Sliced Wasserstein-1 distance (Rabin et al. 2011) of CIELAB colours, averaged over 64 fixed directions; in Lab units."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(3, _DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    return _wasserstein(lab(pictures).reshape(-1, 3) @ directions, lab(style).reshape(-1, 3) @ directions)


def line_distance(pictures: np.ndarray, style: np.ndarray) -> float:
    """Mean Wasserstein-1 distance of four statistics of every pixel's lightness (0..100): how steep it is at one and at two
    pixels, and how much darker it is than what lies around thin (3 pixels) and broad (5 pixels) dark lines."""
    return _wasserstein(line_features(pictures), line_features(style))


def line_features(pictures_NHWC: np.ndarray) -> np.ndarray:
    """[pixels, 4]."""
    light = torch.from_numpy(lab(pictures_NHWC)[..., 0])[:, None]
    features = [_steepness(light), _steepness(F.avg_pool2d(light, 2)).repeat_interleave(4, dim=0)]
    features += [(_closed(light, width) - light).flatten() for width in (3, 5)]
    count = min(len(feature) for feature in features)
    return torch.stack([feature[:: len(feature) // count][:count] for feature in features], dim=1).numpy()


def _steepness(light_N1HW: torch.Tensor) -> torch.Tensor:
    across, down = light_N1HW.diff(dim=3)[:, :, :-1], light_N1HW.diff(dim=2)[..., :-1]
    return torch.hypot(across, down).flatten()


def _closed(light_N1HW: torch.Tensor, width: int) -> torch.Tensor:
    """Morphological closing: dark lines narrower than `width` are gone."""
    half = width // 2
    wide = F.max_pool2d(light_N1HW, width, stride=1, padding=half)
    return -F.max_pool2d(-wide, width, stride=1, padding=half)


def _wasserstein(a_ND: np.ndarray, b_MD: np.ndarray) -> float:
    """Mean over columns of the distance between their values."""
    # rows are sorted several times as fast as columns, and quantiles of sorted ones cost next to nothing
    rows = [np.sort(np.ascontiguousarray(values.T)) for values in (a_ND, b_MD)]
    quantiles = [np.quantile(row, _QUANTILES, axis=1) for row in rows]
    return float(np.abs(quantiles[0] - quantiles[1]).mean())


def lab(pictures_NHWC: np.ndarray) -> np.ndarray:
    """sRGB uint8 -> CIELAB, D65 (IEC 61966-2-1, CIE 15)."""
    srgb = pictures_NHWC.astype(np.float32) / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
    )
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089], np.float32)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
