"""A drawing with transparent parts: the same in the clip whichever way it comes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.nodes.keyframe_timeline import AniSoraKeyframe, AniSoraTimeline
from comfyui_anisora.nodes.workflow import host_nodes
from PIL import Image


@pytest.fixture
def drawing(tmp_path, monkeypatch) -> Path:
    """Strokes of every alpha on a layer whose transparent parts are stored black."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 4), np.uint8)
    pixels[:, 24:] = 0
    path = tmp_path / "layer.png"
    Image.fromarray(pixels).save(path)
    for module in ("keyframe_timeline.host.input_file", "workflow.host_nodes.input_file"):
        monkeypatch.setattr(f"comfyui_anisora.nodes.{module}", lambda name: tmp_path / name)
    return path


def on_timeline(paper: str, keyframes: tuple = (), text: str = "") -> torch.Tensor:
    made = AniSoraTimeline().build(
        find_release("mini"), 5, 12.0, 48, 32, keyframes=keyframes, timeline_json=text, paper=paper
    )
    return made[0].keyframes[0].image_HWC


@pytest.mark.parametrize(
    ("paper", "colour"), [("white", [1, 1, 1]), ("black", [0, 0, 0]), (" #0000FF ", [0, 0, 1])]
)
def test_the_paper_is_one_whichever_way_a_drawing_comes(drawing, paper, colour):
    text = f'{{"keyframes": [{{"image": "{drawing.name}", "position": "first"}}]}}'
    dropped = on_timeline(paper, text=text)
    assert dropped[0, 40].tolist() == colour
    image, mask = host_nodes.LoadImage().load(drawing.name)
    (wired,) = AniSoraKeyframe().add(image, "first", 1.0, transparent=mask)
    assert torch.equal(on_timeline(paper, wired), dropped)
    four = torch.cat([image, 1.0 - mask[..., None]], -1)
    (wired,) = AniSoraKeyframe().add(four.expand(2, -1, -1, -1), "first", 1.0)
    assert torch.equal(on_timeline(paper, wired), dropped)
    assert wired[0].following_FHWC.shape[-1] == 4


def test_an_opaque_picture_is_left_as_it_is():
    """Load Image's mask of one is black, of a size of its own."""
    image = torch.rand(1, 32, 48, 3)
    ((wired,),) = AniSoraKeyframe().add(image, "first", 1.0, transparent=torch.zeros(1, 64, 64))
    assert torch.equal(wired.image_HWC, image[0])


def test_a_mask_of_another_picture_is_refused():
    with pytest.raises(ValueError, match="transparent: the mask is 1 x 64x64, the picture 1 x 48x32"):
        AniSoraKeyframe().add(torch.rand(1, 32, 48, 3), "first", 1.0, transparent=torch.ones(1, 64, 64))


def test_what_is_no_colour_is_said():
    with pytest.raises(ValueError, match="paper 'whitish' is not a colour; write it as #rrggbb"):
        on_timeline("whitish")
