"""Running workflows without a host: what the frontend and the host would do with the same file. No weights needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.media.video import write_mp4
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.anisora_core.runtime.placement import Placement
from comfyui_anisora.anisora_core.runtime.scaled_fp8 import FP8
from comfyui_anisora.cli.arguments import parse_keyframe
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.host import encode_image
from comfyui_anisora.nodes.host.host_masks import from_noise_mask, to_noise_mask
from comfyui_anisora.nodes.host.standalone import placing
from comfyui_anisora.nodes.host.standalone.networks import text_of
from comfyui_anisora.nodes.workflow import Link, execute, override, read_workflow, to_api
from comfyui_anisora.nodes.workflow.host_nodes import LoadImage, LoadImageMask, OutputFolder
from PIL import Image

WORKFLOWS = Path(__file__).parents[2] / "workflows"


def changed(tmp_path: Path, name: str, change) -> dict:
    """Nodes of a shipped workflow after `change(rows by id, data)`."""
    data = json.loads((WORKFLOWS / f"{name}.json").read_text())
    change({row["id"]: row for row in data["nodes"]}, data)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(data))
    return read_workflow(path, NODE_CLASS_MAPPINGS)


def test_a_bypassed_keyframe_hands_the_chain_on(tmp_path):
    """first -> last becomes first alone, or last alone when the first is bypassed (its input is not linked)."""
    nodes = changed(tmp_path, "first_last_frame", lambda rows, _: rows[5].update(mode=4))
    assert nodes["6"].inputs["keyframes"] == Link("3", 0)
    nodes = changed(tmp_path, "first_last_frame", lambda rows, _: rows[3].update(mode=4))
    assert "keyframes" not in nodes["5"].inputs


def test_a_muted_node_is_as_if_it_were_not_there(tmp_path):
    nodes = changed(tmp_path, "first_last_frame", lambda rows, _: rows[5].update(mode=2))
    assert "5" not in nodes
    assert "keyframes" not in nodes["6"].inputs


def test_reroutes_and_primitives_are_resolved(tmp_path):
    def through(rows, data):
        link = next(row for row in data["links"] if row[3] == 6 and row[5] == "ANISORA_KEYFRAMES")
        data["links"] += [[90, link[1], link[2], 90, 0, "*"], [91, 91, 0, 6, 1, "INT"]]
        link[1:3] = [90, 0]
        data["nodes"] += [
            {"id": 90, "type": "Reroute", "inputs": [{"name": "", "type": "*", "link": 90}]},
            {"id": 91, "type": "PrimitiveNode", "widgets_values": [9, "fixed"]},
        ]
        next(slot for slot in rows[6]["inputs"] if slot["name"] == "length")["link"] = 91

    nodes = changed(tmp_path, "first_last_frame", through)
    assert nodes["6"].inputs["keyframes"] == Link("5", 0)
    assert nodes["6"].inputs["length"] == 9
    assert not {"90", "91"} & nodes.keys()


def test_both_forms_of_a_workflow_mean_the_same(tmp_path):
    for path in WORKFLOWS.glob("*.json"):
        nodes = read_workflow(path, NODE_CLASS_MAPPINGS)
        (tmp_path / "api.json").write_text(json.dumps(to_api(nodes)))
        again = read_workflow(tmp_path / "api.json", NODE_CLASS_MAPPINGS)
        assert {key: (n.kind, n.inputs) for key, n in again.items()} == {
            key: (n.kind, n.inputs) for key, n in nodes.items()
        }


def test_set_follows_the_declared_type_not_the_saved_value():
    """JavaScript saves 1.0 as 1; an input that was never saved, or is linked, can be set too."""
    nodes = read_workflow(WORKFLOWS / "image_to_video.json", NODE_CLASS_MAPPINGS)
    sampler = next(node for node in nodes.values() if node.kind == "AniSoraSampler")
    sampler.inputs["cfg"] = 1
    for setting in ("AniSoraSampler.cfg=2.5", "CreateVideo.fps=24", "AniSoraKeyframe.position=0.5s"):
        override(nodes, setting, NODE_CLASS_MAPPINGS)
    del nodes["4"].inputs["timeline_json"]
    override(nodes, "AniSoraTimeline.timeline_json={}", NODE_CLASS_MAPPINGS)
    assert sampler.inputs["cfg"] == 2.5
    assert next(node for node in nodes.values() if node.kind == "CreateVideo").inputs["fps"] == 24.0
    assert nodes["4"].inputs["timeline_json"] == "{}"
    with pytest.raises(ValueError, match="'two' is not INT"):
        override(nodes, "AniSoraSampler.steps=two", NODE_CLASS_MAPPINGS)
    with pytest.raises(ValueError, match="no input 'model' to set"):
        override(nodes, "AniSoraSampler.model=x", NODE_CLASS_MAPPINGS)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("model", Link("1", 2), "'model' takes MODEL, but VAE is connected"),
        ("model", Link("77", 0), "node 77, which does not exist"),
        ("model", Link("1", 9), "an output that node 1 does not have"),
        ("model", "mini", "takes MODEL from another node"),
        ("steps", 5000, "steps 5000 is outside 0..1000"),
        ("steps", "many", "steps 'many' is not INT"),
        ("sampler", "magic", "sampler 'magic' is unknown"),
        ("colour", 1, "'colour' does not exist"),
    ],
)
def test_everything_is_checked_before_anything_runs(name, value, expected, tmp_path, monkeypatch):
    nodes = read_workflow(WORKFLOWS / "image_to_video.json", NODE_CLASS_MAPPINGS)
    monkeypatch.setattr(
        NODE_CLASS_MAPPINGS["AniSoraModelLoader"], "load", lambda *_, **__: pytest.fail("it ran")
    )
    nodes["9"].inputs[name] = value
    with pytest.raises(ValueError, match=r"node 9 \(AniSoraSampler\)") as error:
        execute(nodes, NODE_CLASS_MAPPINGS, tmp_path)
    assert expected in str(error.value)


def test_a_file_name_cannot_leave_the_output_folder(tmp_path):
    folder = OutputFolder(tmp_path / "out", [])
    for number in (1, 2):
        with folder.new_file("video/clip", ".mp4") as part:
            part.write_bytes(b"clip")
        assert folder.files[-1] == tmp_path / "out" / "video" / f"clip_{number:05}_.mp4"
        assert folder.files[-1].read_bytes() == b"clip"
    for prefix in ("../clip", "/tmp/clip", "a/../../clip"):
        with (
            pytest.raises(ValueError, match="points outside the output folder"),
            folder.new_file(prefix, ".mp4"),
        ):
            pytest.fail("opened")


def test_images_and_masks_are_read_as_the_host_reads_them(tmp_path, monkeypatch):
    """Colours under transparency are kept; a mask is 1 where the picture is transparent, `alpha` channel included."""
    monkeypatch.setenv("ANISORA_INPUT", str(tmp_path))
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[..., 0], pixels[..., 3] = 255, 255
    pixels[:2, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "clear_top.png")
    image, mask = LoadImage().load("clear_top.png [input]")
    assert image.shape == (1, 4, 6, 3)
    assert image[..., 0].min() == 1.0
    assert image[..., 1:].max() == 0.0
    assert mask[0, :, 0].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert torch.equal(LoadImageMask().load("clear_top.png", "alpha")[0], mask)
    assert LoadImageMask().load("clear_top.png", "red")[0].min() == 1.0


@pytest.mark.parametrize(
    ("tail", "position", "strength"),
    [("@12", "12", 1.0), ("@first@0.5", "first", 0.5), ("@50%", "50%", 1.0), ("@0.5s@.25", "0.5s", 0.25)],
)
@pytest.mark.parametrize("name", ["hero.png", "hero@2x.png"])
def test_a_keyframe_is_read_whatever_its_name(name, tail, position, strength, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / name)
    keyframe = parse_keyframe(f"{tmp_path / name}{tail}")
    assert (keyframe.position, keyframe.strength) == (position, strength)


def test_noise_masks_of_any_size_become_what_is_kept():
    keep = (torch.rand(1, 1, 3, 4, 6) > 0.5).float()
    assert torch.equal(from_noise_mask(to_noise_mask(keep), (3, 4, 6)), keep)
    pixels = torch.zeros(
        1, 1, 32, 48
    )  # one frame in pixels, as SetLatentNoiseMask makes it: nothing is sampled
    assert torch.equal(from_noise_mask(pixels, (3, 4, 6)), torch.ones(1, 1, 3, 4, 6))


def test_two_prompts_at_once_are_refused():
    with pytest.raises(ValueError, match="2 prompts came in"):
        text_of([[torch.zeros(1), {}], [torch.zeros(1), {}]])


@pytest.mark.parametrize(
    ("release", "shape", "drawing", "size"),
    [
        ("V3.1", "release", (64, 64), (1280, 720)),
        ("V3.1", "832x480", (64, 64), (832, 480)),
        ("V3.1", "first keyframe", (64, 64), (960, 960)),
        ("V3.1", "first keyframe", (1080, 1920), (1280, 720)),
        ("mini", "first keyframe", (100, 50), (80, 176)),
    ],
)
def test_the_clips_size_comes_from_the_release_the_drawing_or_a_list(release, shape, drawing, size):
    """Upstream's rule for the area of a drawing's shape (facts 3.2): 1024x1024 at 1280x720's area is 960x960."""
    nodes = {name: NODE_CLASS_MAPPINGS[name]() for name in ("AniSoraKeyframe", "AniSoraTimeline")}
    (keyframes,) = nodes["AniSoraKeyframe"].add(torch.zeros(1, *drawing, 3), "first", 1.0)
    timeline, *_ = nodes["AniSoraTimeline"].build(find_release(release), 0, 0.0, 0, 0, keyframes, shape=shape)
    assert (timeline.width, timeline.height) == size


def test_the_first_keyframe_that_gives_the_shape_is_the_first_in_time():
    nodes = {name: NODE_CLASS_MAPPINGS[name]() for name in ("AniSoraKeyframe", "AniSoraTimeline")}
    (later,) = nodes["AniSoraKeyframe"].add(torch.zeros(1, 50, 100, 3), "last", 1.0)
    (both,) = nodes["AniSoraKeyframe"].add(torch.zeros(1, 100, 50, 3), "first", 1.0, later)
    timeline, *_ = nodes["AniSoraTimeline"].build(
        find_release("mini"), 0, 0.0, 0, 0, both, shape="first keyframe"
    )
    assert (timeline.width, timeline.height) == (80, 176)


def test_the_hosts_clip_vision_gets_the_square_that_wan_makes():
    seen = {}

    class OfTheHost:
        def encode_image(self, image, crop):
            seen.update(image=image, crop=crop)
            return "features"

    picture = torch.rand(1, 60, 80, 3)
    assert encode_image(OfTheHost(), picture) == "features"
    wanted = torch.nn.functional.interpolate(picture.movedim(3, 1), (224, 224), mode="bicubic").clamp(0, 1)
    assert torch.equal(seen["image"], wanted.movedim(1, 3))
    assert seen["crop"] is False


def test_memory_options_reach_the_transformer_of_a_workflow(tmp_path):
    """`anisora run --fp8`: the loader's model holds its blocks as scaled fp8, and only inside `placing`."""
    loader = NODE_CLASS_MAPPINGS["AniSoraModelLoader"]
    with placing(Placement(is_fp8=True)):
        model = loader().load("mini", "auto")[0]
    kept = {parameter.dtype for parameter in model.transformer.state_dict().values()}
    assert FP8 in kept
    whole = loader().load("mini", "auto")[0].transformer
    assert FP8 not in {parameter.dtype for parameter in whole.state_dict().values()}


def test_a_keyframe_may_be_a_video(tmp_path):
    """At the clip's frame rate, and no more of it than the clip is long."""
    levels = (0, 60, 120, 180, 240)
    write_mp4(np.stack([np.full((32, 48, 3), one, np.uint8) for one in levels]), tmp_path / "a.mp4", 12)
    whole = parse_keyframe(f"{tmp_path / 'a.mp4'}@first@0.5", 12.0, 33)
    assert (whole.num_frames, whole.strength) == (5, 0.5)
    assert abs(float(whole.following_FHWC[-1].mean()) - 240 / 255) < 0.02
    assert parse_keyframe(f"{tmp_path / 'a.mp4'}@last", 12.0, 3).num_frames == 3
    assert parse_keyframe(f"{tmp_path / 'a.mp4'}@0", 6.0, 33).num_frames == 3
