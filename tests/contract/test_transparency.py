"""A drawing with transparent parts: the same in the clip whichever way it comes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.nodes.keyframe_timeline import AniSoraKeyframe, AniSoraTimeline, KeyframeRow, read_row
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


def test_load_image_with_its_mask_gives_what_the_timeline_reads(drawing):
    image, mask = host_nodes.LoadImage().load(drawing.name)
    on_timeline = read_row(KeyframeRow(drawing.name, "first", 1.0)).image_HWC
    assert bool((on_timeline[:, 24:] == 1.0).all())
    ((wired,),) = AniSoraKeyframe().add(image, "first", 1.0, transparent=mask)
    assert torch.equal(wired.image_HWC, on_timeline)
    four = torch.cat([image, 1.0 - mask[..., None]], -1)
    ((wired,),) = AniSoraKeyframe().add(four, "first", 1.0)
    assert torch.equal(wired.image_HWC, on_timeline)


def test_an_opaque_picture_is_left_as_it_is():
    """Load Image's mask of one is black, of a size of its own."""
    image = torch.rand(1, 32, 48, 3)
    ((wired,),) = AniSoraKeyframe().add(image, "first", 1.0, transparent=torch.zeros(1, 64, 64))
    assert torch.equal(wired.image_HWC, image[0])


def test_a_mask_of_another_picture_is_refused():
    with pytest.raises(ValueError, match="transparent: the mask is 1 x 64x64, the picture 1 x 48x32"):
        AniSoraKeyframe().add(torch.rand(1, 32, 48, 3), "first", 1.0, transparent=torch.ones(1, 64, 64))


def test_the_paper_has_the_colour_that_is_chosen_whichever_way_a_drawing_comes(drawing):
    image, mask = host_nodes.LoadImage().load(drawing.name)
    blue = read_row(KeyframeRow(drawing.name, "first", 1.0), (0, 0, 255)).image_HWC
    assert blue[0, 40].tolist() == [0.0, 0.0, 1.0]
    for name in ("#0000ff", "blue", " Blue "):
        ((wired,),) = AniSoraKeyframe().add(image, "first", 1.0, transparent=mask, paper=name)
        assert torch.equal(wired.image_HWC, blue), name


def test_the_timeline_reads_its_drawings_on_its_paper(drawing):
    text = f'{{"keyframes": [{{"image": "{drawing.name}", "position": "first"}}]}}'
    made = AniSoraTimeline().build(find_release("mini"), 5, 12.0, 48, 32, timeline_json=text, paper="black")
    assert float(made[0].keyframes[0].image_HWC[:, 24:].max()) == 0.0


def test_what_is_no_colour_is_said():
    with pytest.raises(ValueError, match="paper 'whitish' is not a colour; write it as #rrggbb"):
        AniSoraKeyframe().add(torch.rand(1, 8, 8, 3), "first", 1.0, paper="whitish")
