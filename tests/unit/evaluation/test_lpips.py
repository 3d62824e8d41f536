"""LPIPS with the published heads on a random trunk, against the paper's formula in NumPy and float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.metrics.lpips import (
    CONVOLUTIONS,
    AlexNetTrunk,
    lpips,
    read_heads,
)


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    found = {}
    for name, (outputs, inputs, kernel, _, _) in CONVOLUTIONS.items():
        size = (outputs, inputs, kernel, kernel)
        found[f"{name}.weight"] = torch.randn(size, generator=made) * (2 / (inputs * kernel**2)) ** 0.5
        found[f"{name}.bias"] = torch.randn(outputs, generator=made) * 0.1
    return found


def windows(x: np.ndarray, kernel: int, stride: int, padding: int) -> np.ndarray:
    """[C, H', W', kernel, kernel]"""
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    return np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))[:, ::stride, ::stride]


def features(picture: np.ndarray, named: dict[str, np.ndarray]) -> list[np.ndarray]:
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    x, found = (picture - shift[:, None, None]) / scale[:, None, None], []
    for name, (_, _, kernel, stride, padding) in CONVOLUTIONS.items():
        if name in ("features.3", "features.6"):
            x = windows(x, 3, 2, 0).max((3, 4))
        seen = windows(x, kernel, stride, padding)
        x = np.tensordot(named[f"{name}.weight"], seen, ((1, 2, 3), (0, 3, 4)))
        x = np.maximum(x + named[f"{name}.bias"][:, None, None], 0)
        found.append(x)
    return found


def by_formula(a: np.ndarray, b: np.ndarray, named: dict[str, np.ndarray], heads: list[np.ndarray]) -> float:
    total = 0.0
    for x, y, head in zip(features(a, named), features(b, named), heads, strict=True):
        x, y = (z / (np.sqrt((z**2).sum(0)) + 1e-10) for z in (x, y))
        total += (head[:, None, None] * (x - y) ** 2).sum(0).mean()
    return float(total)


def test_as_the_formula_in_float64():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 3, 64, 72))
    named, heads = weights(), read_heads()
    exact = {key: value.double().numpy() for key, value in named.items()}
    expected = by_formula(a, b, exact, [head.double().numpy() for head in heads])
    made = lpips(AlexNetTrunk(named), heads, *(torch.from_numpy(x)[None].float() for x in (a, b)))
    assert made.tolist() == pytest.approx([expected], abs=1e-5)
    assert expected > 0.05


def test_equal_pictures_are_at_zero_and_more_blur_is_farther():
    trunk, heads = AlexNetTrunk(weights()), read_heads()
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    blurred = [torch.nn.functional.avg_pool2d(picture, size, 1, size // 2) for size in (1, 3, 5)]
    found = [float(lpips(trunk, heads, picture, other)) for other in blurred]
    assert found[0] == 0.0
    assert 0.0 < found[1] < found[2]


def test_the_published_heads_have_their_shapes_and_are_no_negative_weights():
    heads = read_heads()
    assert [len(head) for head in heads] == [64, 192, 384, 256, 256]
    assert min(float(head.min()) for head in heads) >= 0.0


def test_another_network_is_refused():
    named = weights()
    named["features.3.weight"] = named["features.3.weight"][:, :32]
    with pytest.raises(ValueError, match=r"features\.3\.weight of shape"):
        AlexNetTrunk(named)
