"""Measures that need weights which the user has: LPIPS for each clip, Frechet distances for all clips of a run together.

Weights are looked for in the folder `evaluation` of the models folder. A TorchScript file is a program: it is run only when the user has named that very file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...checkpoints.files import open_weights
from ...media.tensors import to_video
from ..metrics.frechet import fit_gaussian, frechet_distance, sampling_bias
from ..metrics.lpips import CONVOLUTIONS, AlexNetTrunk, lpips, read_heads
from .measures import Measure, Reading
from .subject import Subject

ALEXNET = ("alexnet-owt-7be5be79.pth", "alexnet-owt-4df8aa71.pth")
INCEPTION, I3D = "inception-2015-12-05.pt", "i3d_torchscript.pt"
#: Frames of a clip that FVD compares (StyleGAN-V, Skorokhodov et al. 2022), and frames spread over a clip for FID.
_FVD_FRAMES, _FID_FRAMES = 16, 8


@dataclass(frozen=True)
class UserWeights:
    """`folder`: where weights are, None where there is none; `allowed`: TorchScript files, resolved, that the user said may be run."""

    folder: Path | None = None
    allowed: frozenset[Path] = frozenset()

    def find(self, *names: str) -> Path | None:
        places = [self.folder / name for name in names] if self.folder else []
        return next((path for path in places if path.is_file()), None)

    def missing(self, *names: str) -> str:
        """Why a TorchScript file cannot be run; "" when it can."""
        path = self.find(*names)
        if path is None:
            return f"needs {names[0]} in the folder evaluation of the models folder"
        if path.resolve() not in self.allowed:
            return f"{names[0]} is a program; allow it to run with --allow-code {names[0]}"
        return ""


NO_WEIGHTS = UserWeights()


def allow(folder: Path | None, files: list[str]) -> UserWeights:
    """`files`: names in the folder, or paths. ValueError for one that is not there."""
    found: list[Path] = []
    for name in files:
        places = [*([folder / name] if folder else []), Path(name)]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise ValueError(f"--allow-code {name!r} is not a file in {folder}; give its name there")
        found.append(path.resolve())
    return UserWeights(folder, frozenset(found))


def lpips_measure(weights: UserWeights) -> Measure:
    """For each frame of a clip beside its true one."""
    path = weights.find(*ALEXNET)
    loaded: list[tuple[AlexNetTrunk, list[Tensor]]] = []

    def measure(subject: Subject) -> Reading:
        assert path is not None
        assert subject.truth_FHWC is not None
        if not loaded:
            opened = open_weights(path)
            names = [f"{name}.{part}" for name in CONVOLUTIONS for part in ("weight", "bias")]
            loaded.append(
                (AlexNetTrunk({n: opened.read(n) for n in names if n in opened.entries}), read_heads())
            )
        trunk, heads = loaded[0]
        pairs = zip(subject.frames_FHWC, subject.truth_FHWC, strict=True)
        with torch.inference_mode():
            curve = np.array(
                [
                    float(lpips(trunk, heads, *(to_video(x[None]).movedim(1, 0) for x in pair)))
                    for pair in pairs
                ]
            )
        return Reading(float(curve.mean()), curve)

    missing = (
        ""
        if path
        else f"needs {ALEXNET[0]} (torchvision's AlexNet) in the folder evaluation of the models folder"
    )
    definition = "Distance in AlexNet's features with the published heads, version 0.1, mean over frames (Zhang et al. 2018)."
    return Measure("LPIPS", "", "lower", "truth", definition, measure, lambda: missing)


@dataclass(frozen=True)
class SetMeasure:
    """A Frechet distance between all made and all true clips of a run. `features`: uint8 frames_FHWC -> [samples, D], none where a clip is too short."""

    title: str
    definition: str
    file: str
    features: Callable[[Any, np.ndarray], Tensor | None]

    def extract(self, weights: UserWeights, frames_FHWC: np.ndarray) -> np.ndarray | None:
        """float64 [samples, D]. ValueError, naming the file, when it is not what its name says."""
        path = weights.find(self.file)
        assert path is not None
        assert not weights.missing(self.file)
        try:
            program: Any = torch.jit.load(str(path), map_location="cpu").eval()  # the user allowed this file
            with torch.inference_mode():
                found = self.features(program, frames_FHWC)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(
                f"{str(path)!r} does not give features ({reason}); use the published {self.file}"
            ) from None
        return None if found is None else found.double().numpy()


def _of_inception(program: Any, frames_FHWC: np.ndarray) -> Tensor:
    chosen = np.linspace(0, len(frames_FHWC) - 1, min(_FID_FRAMES, len(frames_FHWC))).round().astype(int)
    return program(torch.from_numpy(frames_FHWC[chosen]).permute(0, 3, 1, 2), return_features=True)


def _of_i3d(program: Any, frames_FHWC: np.ndarray) -> Tensor | None:
    if len(frames_FHWC) < _FVD_FRAMES:
        return None
    video = torch.from_numpy(frames_FHWC[:_FVD_FRAMES]).permute(3, 0, 1, 2)[None].float()
    return program(video, rescale=True, resize=True, return_features=True)


SET_MEASURES: dict[str, SetMeasure] = {
    "fid": SetMeasure("FID", f"Frechet distance of Inception's features of {_FID_FRAMES} frames of each clip (Heusel et al. 2017).", INCEPTION, _of_inception),
    "fvd": SetMeasure("FVD", f"Frechet distance of I3D's features of the first {_FVD_FRAMES} frames (Unterthiner et al. 2018; the program of StyleGAN-V).", I3D, _of_i3d),
}  # fmt: skip


def distance_and_remark(measure: SetMeasure, made: np.ndarray, true: np.ndarray) -> tuple[float, str]:
    """The distance, and what small samples make of it. ValueError for fewer than two samples."""
    a, b = fit_gaussian(made), fit_gaussian(true)
    bias = sampling_bias(b.covariance, a.count, b.count)
    few = min(a.count, b.count) <= made.shape[1]
    remark = (
        f"{measure.title} of {a.count} and {b.count} samples of {made.shape[1]} features is biased upwards: two samples of one distribution would be about {bias:.4g} apart"
        f"{' or more, as there are fewer samples than features' if few else ''}; compare only with equal numbers (Chong and Forsyth 2020)"
    )
    return frechet_distance(a, b), remark


def missing_of_all(weights: UserWeights) -> dict[str, str]:
    return {name: reason for name, m in SET_MEASURES.items() if (reason := weights.missing(m.file))}
