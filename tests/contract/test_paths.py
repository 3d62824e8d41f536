"""Names that files have elsewhere, with spaces, other scripts and drive letters, reach the file system as they were written.

Windows paths are tested as text: what takes a text apart must not take a drive's colon, or a name's @, for its own sign.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.generation.loading import find_files
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.cli import arguments, main
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.host.standalone import input_file, model_file, model_names
from comfyui_anisora.nodes.keyframe_timeline import parse_timeline_json
from comfyui_anisora.nodes.workflow import override, read_workflow

PACK = Path(__file__).parents[2]
FOLDERS = ["", "/mnt/me/夜の絵 (1)/", "C:\\", "D:\\art\\夜 の 絵\\", "\\\\nas\\art\\", "C:/Users/Zoë K/"]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", ["hero.png", "hero @2x.png", "ヒーロー:1.png", "12@first.png"])
@pytest.mark.parametrize(
    ("tail", "position", "strength"), [("@first", "first", 1.0), ("@50%@.5", "50%", 0.5)]
)
def test_a_keyframes_file(folder, name, tail, position, strength, monkeypatch):
    opened = []
    monkeypatch.setattr(arguments, "read_image", lambda path: opened.append(path) or torch.zeros(8, 8, 3))
    keyframe = arguments.parse_keyframe(folder + name + tail)
    assert opened == [Path(folder + name)]
    assert (keyframe.position, keyframe.strength) == (position, strength)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", ["ink.safetensors", "ink v2@2x.safetensors", "墨:1.safetensors"])
@pytest.mark.parametrize(
    ("tail", "strength", "low", "blocks"),
    [("", 1.0, None, {}), (":0.8", 0.8, None, {}), (":1:-.5@0-1=0.5", 1.0, -0.5, {0: 0.5, 1: 0.5})],
)
def test_a_loras_file(folder, name, tail, strength, low, blocks, monkeypatch):
    asked = []
    monkeypatch.setattr(arguments, "model_file", lambda kind, name: asked.append((kind, name)) or Path(name))
    monkeypatch.setattr(arguments, "read_lora", lambda path: path)
    use = arguments.parse_lora(folder + name + tail)
    assert asked == [("loras", folder + name)]
    assert (use.strength, use.low_noise, use.blocks) == (strength, low, blocks)


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_of_weights_and_of_drawings(folder):
    asked = []
    name = f"{folder}VAE 夜.safetensors"
    found = find_files(
        find_release("V3.1"), {"vae": name}, lambda *place: asked.append(place) or Path(place[1])
    )
    assert ("vae", name) in asked
    assert found["vae"] == Path(name)
    with pytest.raises(ValueError, match="not in models/vae") as error:
        find_files(find_release("V3.1"), {"vae": name}, lambda *_: None)
    assert repr(name) in str(error.value)
    (row,), _ = parse_timeline_json(json.dumps({"keyframes": [{"image": name, "position": "first"}]}))
    assert row.image == name


def test_a_setting_of_a_workflow_may_hold_any_path():
    nodes = read_workflow(PACK / "workflows" / "image_to_video.json", NODE_CLASS_MAPPINGS)
    for path in (r"C:\wan=2.1\夜 vae.safetensors", "a.b=c.safetensors"):
        override(nodes, f"AniSoraModelLoader.vae_file={path}", NODE_CLASS_MAPPINGS)
        loader = next(node for node in nodes.values() if node.kind == "AniSoraModelLoader")
        assert loader.inputs["vae_file"] == path


def test_files_in_the_folders_of_inputs_and_models(tmp_path, monkeypatch):
    monkeypatch.setenv("ANISORA_INPUT", str(tmp_path / "夜 in"))
    monkeypatch.setenv("ANISORA_MODELS", str(tmp_path / "C:models"))
    lora = tmp_path / "C:models" / "loras" / "人 物" / "ink 1.safetensors"
    drawing = tmp_path / "夜 in" / "絵 (1).png"
    for file in (lora, drawing):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
    assert input_file("絵 (1).png [input]") == input_file("絵 (1).png") == drawing
    assert model_names("loras") == ["人 物/ink 1.safetensors"]
    assert model_file("loras", "人 物/ink 1.safetensors") == model_file("vae", str(lora)) == lora
    assert model_file("loras", r"C:\loras\none.safetensors") is None


def test_a_clip_is_made_from_and_into_such_folders(tmp_path, monkeypatch):
    folder = tmp_path / "夜の絵 (1) C:"
    folder.mkdir()
    drawing = shutil.copy(PACK / "web" / "drawings" / "wave.png", folder / "hero @2x.png")
    monkeypatch.chdir(folder)
    small = ["--length", "5", "--steps", "1", "--size", "64x32"]
    for name in (str(drawing), "hero @2x.png"):
        out = folder / "新しい clip.mp4"
        assert main(["generate", "--keyframe", f"{name}@first", *small, "--out", str(out)]) == 0
        assert out.stat().st_size > 500
        out.unlink()


@pytest.mark.parametrize("text", ["", ":0.5", "no such\nfile"])
def test_a_lora_that_names_no_file_is_one_line(text, capsys):
    assert main(["generate", "--lora", text]) == 2
    assert capsys.readouterr().err.strip().startswith("anisora: --lora")
