"""AniSora Motion Painter as a prompt without a browser meets it."""

from __future__ import annotations

import base64
import io
import json

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.timeline import place
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Timeline
from comfyui_anisora.nodes.motion_painter import AniSoraMotionPainter
from PIL import Image

TIMELINE = place(Timeline(9, 12.0, 32, 64, (Keyframe(torch.ones(32, 64, 3)),)), 1)


def build(painting: dict | str = "", **inputs):
    text = painting if isinstance(painting, str) else json.dumps(painting)
    defaults = {"timeline": TIMELINE, "way": "auto", "feather": 0.0, "invert": False}
    return AniSoraMotionPainter().build(**{**defaults, "painting": text, **inputs})["result"]


def areas(*keys: tuple[int, str], **fields) -> dict:
    rows = [{"frame": frame, "mask": mask} for frame, mask in keys]
    return {"version": 1, "areas": [{"name": "hair", "keys": rows, **fields}]}


@pytest.fixture(autouse=True)
def masks(tmp_path, monkeypatch):
    """left.png and right.png: halves of the picture, at half its size."""
    monkeypatch.setenv("ANISORA_INPUT", str(tmp_path))
    (tmp_path / "anisora").mkdir()
    for name, x in (("left", 0), ("right", 16)):
        picture = Image.new("L", (32, 16))
        picture.paste(255, (x, 0, x + 16, 16))
        picture.save(tmp_path / "anisora" / f"{name}.png")
    return tmp_path / "anisora"


def test_a_painting_becomes_an_area_with_one_mask_per_frame():
    area, mask = build(areas((8, "anisora/right.png [input]"), (0, "anisora/left.png [input]")), way="hold")
    assert area.method == "hold"
    assert mask.shape == area.area_FHW.shape == (9, 32, 64)
    assert float(mask[0, :, :24].min()) == float(mask[8, :, 40:].min()) == 1.0
    assert float(mask[0, :, 40:].max()) == float(mask[8, :, :24].max()) == 0.0
    assert float(mask[4, :, 20:44].min()) == 1.0


def test_the_mask_shows_feather_and_invert():
    area, mask = build(areas((0, "anisora/left.png [input]")), feather=4.0, invert=True)
    assert area.feather == 4.0
    assert float(mask[0, 16, 4]) < 0.01 < 0.4 < float(mask[0, 16, 32]) < 0.6 < 0.99 < float(mask[0, 16, 60])


@pytest.mark.parametrize("painting", ["", "  ", '{"areas": []}', '{"areas": [{"keys": []}]}'])
def test_without_a_painting_everything_may_move(painting):
    assert float(build(painting)[1].min()) == 1.0


def test_the_area_starts_from_the_subject_if_told_to():
    subject = torch.zeros(1, 16, 32)
    subject[:, :8] = 1.0
    top = build(subject=subject)[1]
    assert float(top[:, :12].min()) == 1.0
    assert float(top[:, 20:].max()) == 0.0
    both = build(areas((0, "anisora/left.png [input]")), subject=subject)[1]
    assert float(both[:, 20:, :24].min()) == float(both[:, :12, 40:].min()) == 1.0
    less = build(areas((0, "anisora/left.png [input]"), still=True), subject=subject)[1]
    assert float(less[:, :12, :24].max()) == 0.0
    assert float(less[:, :12, 40:].min()) == 1.0
    assert float(build(subject=subject, use_subject=False)[1].min()) == 1.0
    with pytest.raises(ValueError, match="subject: 3 masks came in; connect one mask, or 9"):
        build(subject=torch.ones(3, 16, 32))


@pytest.mark.parametrize(
    ("painting", "said"),
    [
        ("not json", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"areas": [{"name": "hair"}]}', "cannot be read .'keys'"),
        ('{"areas": [{"keys": [{"frame": "x", "mask": "a.png"}]}]}', "cannot be read"),
        (areas((0, "anisora/gone.png [input]")),  "gone.png' does not exist"),
        (areas((9, "anisora/left.png [input]")), "'hair' has a shape on frame 9, outside the clip of 9 frames; "),
        (areas((-1, "anisora/left.png [input]")), "outside the clip"),
        (areas((3, "anisora/left.png"), (3, "anisora/right.png")), "two shapes on one frame"),
    ],
)  # fmt: skip
def test_what_is_off_is_said_in_one_line_that_names_the_input(painting, said):
    with pytest.raises(ValueError, match="^painting.*" + said) as error:
        build(painting)
    assert "\n" not in str(error.value)


def test_the_fingerprint_follows_the_files(masks):
    text = json.dumps(areas((0, "anisora/left.png [input]")))
    before = AniSoraMotionPainter.IS_CHANGED(painting=text, way="auto")
    assert before == AniSoraMotionPainter.IS_CHANGED(painting=text)
    Image.new("L", (32, 16), 255).save(masks / "left.png")
    assert before != AniSoraMotionPainter.IS_CHANGED(painting=text)
    assert AniSoraMotionPainter.IS_CHANGED(painting="not json") == AniSoraMotionPainter.IS_CHANGED(
        painting="not json"
    )
    assert AniSoraMotionPainter.IS_CHANGED() == AniSoraMotionPainter.IS_CHANGED(painting="")


def test_a_run_tells_the_widget_what_it_could_not_know():
    subject = torch.zeros(9, 32, 64)
    subject[:, :, :32] = 1.0
    rest = {"painting": "", "way": "auto", "feather": 0.0, "invert": False, "subject": subject}
    (scene,) = AniSoraMotionPainter().build(TIMELINE, **rest)["ui"]["anisora_scene"]
    json.dumps(scene)
    assert (scene["frames"], scene["fps"], scene["keyframes"][0]["frame"]) == (9, 12.0, 0)
    picture = Image.open(io.BytesIO(base64.b64decode(scene["subject"].partition(",")[2])))
    assert picture.size == (64, 32)
    assert picture.getpixel((8, 8))[0] > 250 > 5 > picture.getpixel((56, 8))[0]
