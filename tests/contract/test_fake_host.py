"""The nodes inside a stand-in for ComfyUI: its body is picked, bars and previews arrive, interrupts stop the sampler.

Runs in a process of its own, as the body is picked once, at import. Real hosts are in tests/host.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.models.text import ByteTextEncoder, TextConfig
from comfyui_anisora.anisora_core.models.wan.config import DEBUG, MINI_VAE
from comfyui_anisora.anisora_core.models.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.models.wan.vae import WanVAE
from comfyui_anisora.anisora_core.training.export import export_mini
from comfyui_anisora.anisora_core.training.recipes.mini import CPU
from comfyui_anisora.anisora_core.training.text_to_video import TextToVideo
from PIL import Image

PACK = Path(__file__).parents[2]
FAKE = """
import sys, types, importlib.util, json
from pathlib import Path
import torch

seen = {"bars": [], "previews": 0, "interrupt_at": None}
class Interrupted(BaseException): pass
class ProgressBar:
    def __init__(self, total): self.total = total
    def update_absolute(self, value, total=None, preview=None):
        seen["bars"].append([value, total])
        seen["previews"] += preview is not None and preview[0] == "JPEG" and preview[1].size[0] > 8
def check():
    if seen["interrupt_at"] is not None and len(seen["bars"]) >= seen["interrupt_at"]: raise Interrupted
def module(name, **values):
    sys.modules[name] = made = types.ModuleType(name)
    vars(made).update(values)
    return made
base = Path(sys.argv[1])
management = module("comfy.model_management", __file__=str(base / "comfy" / "model_management.py"),
                    get_torch_device=lambda: torch.device("cpu"),
                    throw_exception_if_processing_interrupted=check)
utils = module("comfy.utils", ProgressBar=ProgressBar)
module("comfy", model_management=management, utils=utils)
module("folder_paths", get_annotated_filepath=lambda name: str(base / name.removesuffix(" [input]")),
       **{f"get_{kind}_directory": lambda kind=kind: str(base) for kind in ("input", "output", "temp")})
pack = sys.argv[2]
name = pack.replace(".", "_x_")  # as the host names it
spec = importlib.util.spec_from_file_location(name, pack + "/__init__.py")
loaded = importlib.util.module_from_spec(spec)
sys.modules[name] = loaded
spec.loader.exec_module(loaded)
nodes = {name: kind() for name, kind in loaded.NODE_CLASS_MAPPINGS.items()}
"""
RUN = """
model, clip, vae, release, _ = nodes["AniSoraModelLoader"].load("mini", "float32", sys.argv[3])
text = json.dumps({"keyframes": [{"image": "a.png [input]", "position": "first"}]})
timeline, length, fps = nodes["AniSoraTimeline"].build(release, 9, 0.0, 64, 32, timeline_json=text)
words = [clip.encode_from_tokens_scheduled(clip.tokenize(w)) for w in nodes["AniSoraPrompt"].compose(release, "x", -1.0)]
(area,) = nodes["AniSoraMotionMask"].build(torch.ones(1, 32, 64), "hold", 0.0, True)
guide = nodes["AniSoraGuide"].encode(*words, vae, timeline, release, motion_area=area)
positive, negative, latent, report = guide["result"]
def sample(steps):
    return nodes["AniSoraSampler"].sample(model, positive, negative, latent, release, 3, steps, 0.0, 0.0, "euler")[0]
kept = sample(2)
(frames,) = nodes["AniSoraDecode"].decode(kept, vae, 2)
result = {"frames": list(frames.shape), "length": length, "fps": fps, "ui": guide["ui"]["text"] == [report],
          "bars": list(seen["bars"]), "previews": seen["previews"], "mask": list(positive[0][1]["concat_mask"].shape),
          "first_given": float(positive[0][1]["concat_mask"][:, :, 0].max()),
          "kept": float((kept["samples"] - latent["samples"]).abs().max())}
seen["bars"].clear(); seen["interrupt_at"] = 1
try: sample(50)
except Interrupted: result["stopped_after"] = len(seen["bars"])
for name in ("../outside.png", "/etc/hostname"):
    try: nodes["AniSoraTimeline"].build(release, 9, 0.0, 64, 32, timeline_json=json.dumps({"keyframes": [{"image": name, "position": "first"}]}))
    except ValueError as error: result.setdefault("outside", []).append(str(error))
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def tiny_mini(tmp_path_factory) -> Path:
    """Random weights of the smallest size, in the form `anisora train mini` writes."""
    torch.manual_seed(0)
    text = TextConfig(dim=24, ffn_dim=32, num_layers=1, num_heads=2, head_dim=12, max_length=16)
    vae = replace(MINI_VAE, encoder_dim=8, decoder_dim=8)
    recipe = replace(CPU, transformer=DEBUG, vae=vae, text=text)
    folder = tmp_path_factory.mktemp("tiny") / "mini"
    model = TextToVideo(WanTransformer(recipe.transformer), ByteTextEncoder(text))
    export_mini(WanVAE(vae), model, recipe, folder, folder, [[0.1] * 16 + [0.5]] * 3)
    return folder


@pytest.fixture(scope="module")
def result(tiny_mini, tmp_path_factory) -> dict:
    base = tmp_path_factory.mktemp("base")
    Image.new("RGB", (64, 32), "red").save(base / "a.png")
    command = [sys.executable, "-c", FAKE + RUN, str(base), str(PACK), str(tiny_mini)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_nodes_make_a_clip_in_the_host(result):
    assert result["frames"] == [9, 32, 64, 3]
    assert (result["length"], result["fps"]) == (9, 12.0)
    assert result["ui"]


def test_the_guide_speaks_the_hosts_language(result):
    assert result["mask"] == [1, 4, 3, 4, 8]
    assert result["first_given"] == 0.0  # 0 is given there


def test_an_area_held_still_everywhere_returns_what_was_held(result):
    assert result["kept"] < 1e-4


def test_each_step_moves_the_bar_and_shows_a_preview(result):
    assert result["bars"][:2] == [[1, 2], [2, 2]]
    assert result["previews"] == 2


def test_an_interrupt_stops_the_sampler_at_once(result):
    assert result["stopped_after"] == 1


def test_a_shared_workflow_cannot_read_outside_the_hosts_folders(result):
    assert len(result["outside"]) == 2
    assert all("outside ComfyUI's folders" in line for line in result["outside"])
