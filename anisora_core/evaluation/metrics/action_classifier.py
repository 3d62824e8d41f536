"""A small classifier of what happens in a clip: pooled optical flow from the first frame, one hidden layer.

Its accuracy on true clips, beside chance, says how far it can be trusted as a judge of made ones.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ...media.optical_flow import optical_flow

_MOMENTS = (0.2, 0.4, 0.6, 0.8, 1.0)
_CELLS = 8


def action_features(frames_FHWC: np.ndarray) -> np.ndarray:
    """Flow and absolute change from the first frame at five moments, averaged over an 8 x 8 grid."""
    last = len(frames_FHWC) - 1
    side = 64
    small = [
        cv2.resize(frames_FHWC[round(m * last)], (side, side), interpolation=3) for m in (0.0, *_MOMENTS)
    ]
    cells: list[np.ndarray] = []
    for before, after in [*((small[0], s) for s in small[1:]), *itertools.pairwise(small)]:
        change = np.abs(after.astype(np.float32) - before).mean(2, keepdims=True) / 32.0
        both = np.concatenate([optical_flow(before, after) / 4.0, change], axis=2)
        cells.append(cv2.resize(both, (_CELLS, _CELLS), interpolation=3).ravel())
    return np.concatenate(cells).astype(np.float32)


@dataclass(frozen=True)
class ActionClassifier:
    """Standardised features into a two-layer network; `classes` in the order of its outputs."""

    network: nn.Module
    mean: Tensor
    std: Tensor

    def predict(self, features: np.ndarray) -> np.ndarray:
        """[N, D] -> int [N]."""
        with torch.no_grad():
            x = (torch.from_numpy(features) - self.mean) / self.std
            return self.network(x).argmax(-1).numpy()


def fit_action_classifier(features: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> ActionClassifier:
    """features [N, D], labels int [N] -> classifier; the same for the same arguments and torch's global seed, which dropout draws from."""
    rng = torch.Generator().manual_seed(seed)
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    mean, std = x.mean(0), x.std(0).clamp_min(1e-3)
    x = (x - mean) / std
    network = nn.Sequential(
        nn.Linear(x.shape[1], 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, int(y.max()) + 1)
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * parameter.shape[-1] ** -0.5)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    for _ in range(600):
        rows = torch.randint(len(x), (128,), generator=rng)
        loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return ActionClassifier(network.eval(), mean, std)
