"""Measures with weights of the user: found by name, run when allowed, and never guessed. Networks are random, of the published forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.evaluation.metrics.frechet import fit_gaussian, frechet_distance
from comfyui_anisora.anisora_core.evaluation.report_card.card import all_measures, make_card
from comfyui_anisora.anisora_core.evaluation.report_card.measures import MEASURES
from comfyui_anisora.anisora_core.evaluation.report_card.subject import clips_in, references_in
from comfyui_anisora.anisora_core.evaluation.report_card.with_weights import ALEXNET, I3D, INCEPTION, allow
from comfyui_anisora.anisora_core.media.video import read_video, write_mp4

from tests.known_clips import shifted
from tests.unit.evaluation.test_lpips import weights as alexnet


class Inception(torch.nn.Module):
    """As StyleGAN calls it: uint8 pictures, 2048 features; here 3."""

    def forward(self, img: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        assert return_features
        return img.float().mean((2, 3))


class I3D_(torch.nn.Module):
    """As StyleGAN-V calls it: float 0..255 videos, 400 features; here 3."""

    def forward(
        self, x: torch.Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> torch.Tensor:
        assert rescale and resize and return_features  # noqa: PT018
        return x.std(4).mean((2, 3))


@pytest.fixture
def folders(tmp_path):
    for name, seeds in {"true": (0, 1, 2), "made": (3, 4, 5)}.items():
        (tmp_path / name).mkdir()
        for number, seed in enumerate(seeds):
            write_mp4(shifted(0, 1, frames=16, side=64, seed=seed), tmp_path / name / f"{number}.mp4", 8.0)
    models = tmp_path / "evaluation"
    models.mkdir()
    torch.save(alexnet(), models / ALEXNET[0])
    torch.jit.script(Inception()).save(str(models / INCEPTION))
    torch.jit.script(I3D_()).save(str(models / I3D))
    return tmp_path


def card(folders, *allowed):
    weights = allow(folders / "evaluation", list(allowed))
    measures = {"lpips": all_measures(weights)["lpips"], "ssim": MEASURES["ssim"]}
    return make_card(
        {"made": clips_in(folders / "made")},
        references_in(folders / "true"),
        measures=measures,
        weights=weights,
    )


def test_a_program_runs_only_when_it_was_named(folders):
    found = card(folders, INCEPTION)
    assert set(found.runs[0].of_all) == {"FID"}
    assert "--allow-code i3d_torchscript.pt" in found.not_measured["fvd"]
    assert found.runs[0].summary("lpips").mean > 0.01
    with pytest.raises(ValueError, match="is not a file"):
        allow(folders / "evaluation", ["other.pt"])


def test_the_distances_are_those_of_the_features(folders):
    found = card(folders, INCEPTION, str(folders / "evaluation" / I3D)).runs[0]
    clips = {name: [read_video(folders / name / f"{n}.mp4") for n in range(3)] for name in ("made", "true")}
    chosen = np.linspace(0, 15, 8).round().astype(int)
    features = {
        name: np.concatenate([c[chosen].astype(float).mean((1, 2)) for c in of]) for name, of in clips.items()
    }
    expected = frechet_distance(*(fit_gaussian(features[name]) for name in ("made", "true")))
    assert found.of_all["FID"] == pytest.approx(expected, rel=1e-4)
    videos = {
        name: np.stack([c.astype(float).std(2, ddof=1).mean((0, 1)) for c in of])
        for name, of in clips.items()
    }
    expected = frechet_distance(*(fit_gaussian(videos[name]) for name in ("made", "true")))
    assert found.of_all["FVD"] == pytest.approx(expected, rel=1e-3)
    assert "biased upwards" in found.remarks["FVD"]
    assert "fewer samples than features" in found.remarks["FVD"]
    assert "fewer samples than features" not in found.remarks["FID"]


def test_without_weights_nothing_is_guessed(tmp_path):
    (tmp_path / "a").mkdir()
    write_mp4(shifted(0, 1, side=64), tmp_path / "a" / "x.mp4", 8.0)
    weights = allow(None, [])
    found = make_card(
        {"a": clips_in(tmp_path / "a")}, measures={"lpips": all_measures(weights)["lpips"]}, weights=weights
    )
    assert set(found.not_measured) == {"lpips", "fid", "fvd"}
    assert all("in the folder evaluation" in reason for reason in found.not_measured.values())
    assert found.measured == []


def test_a_file_that_is_not_what_its_name_says_is_named(folders):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(folders / "evaluation" / INCEPTION))
    with pytest.raises(ValueError, match=f"{INCEPTION}' does not give features"):
        card(folders, INCEPTION)
