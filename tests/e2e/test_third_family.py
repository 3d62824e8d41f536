"""Another family of models is one folder in `families`, with no edit elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from third_family import pack_with_a_third_family, write_weights
from tiny_models import write_models

MAKE = """
import json, torch
from pathlib import Path
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS as nodes
model, clip, vae, release, _, _ = nodes["AniSoraModelLoader"]().load("Pixels 1", "float32")
styled = nodes["AniSoraLora"]().apply(model, "dots.safetensors", 5.0)["result"][0]
image, area = nodes["AniSoraDrawing"]().read("wave")
(keyframes,) = nodes["AniSoraKeyframe"]().add(image, "first", 1.0)
timeline = nodes["AniSoraTimeline"]().build(release, 0, 0.0, 0, 0, keyframes)[0]
(area,) = nodes["AniSoraMotionMask"]().build(torch.ones(1, 48, 48), "auto", 0.0, False)
texts = nodes["AniSoraPrompt"]().compose(release, "a wave", -1.0)
positive, negative = (clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in texts)
positive, negative, latent, _ = nodes["AniSoraGuide"]().encode(positive, negative, vae, timeline, release, area)["result"]
made = [nodes["AniSoraSampler"]().sample(one, positive, negative, latent, release, 1, 0, 0.0, 0.0, "auto")[0] for one in (model, styled)]
(frames,) = nodes["AniSoraDecode"]().decode(made[0], vae, 2)
difference = float((made[0]["samples"] - made[1]["samples"]).abs().max())
family = read_lora(Path("models/loras/dots.safetensors")).family.name
print(json.dumps({"frames": list(frames.shape), "lora": difference, "family": family, "finite": bool(frames.isfinite().all())}))
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder with the pack, models and a LoRA trained for the family."""
    folder = tmp_path_factory.mktemp("third")
    write_models(folder / "models")
    write_weights(pack_with_a_third_family(folder), folder / "models")
    return folder


def python(work: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(work), "ANISORA_MODELS": str(work / "models")}
    run = subprocess.run(
        [sys.executable, *arguments], cwd=work, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout


def anisora(work: Path, *arguments: str) -> str:
    code = "import sys; from comfyui_anisora.cli import main; raise SystemExit(main(sys.argv[1:]))"
    return python(work, "-c", code, *arguments)


def three_drawings(work: Path) -> Path:
    folder = work / "images"
    folder.mkdir()
    for path in sorted((work / "comfyui_anisora" / "nodes" / "illustrations").glob("*.jpg"))[:3]:
        shutil.copy(path, folder)
    return folder


def test_its_files_are_told_and_written_in_its_forms(work: Path):
    file = str(work / "models" / "diffusion_models" / "pixels.safetensors")
    said = json.loads(anisora(work, "inspect", file, "--json"))
    assert (said["family"], said["releases"]) == ("Pixels transformer (others)", "Pixels 1")
    anisora(work, "convert", file, "--to", "official", "--out", "ours.safetensors")
    assert (
        json.loads(anisora(work, "inspect", "ours.safetensors", "--json"))["family"] == "Pixels transformer"
    )


def test_it_is_trained_sampled_and_decoded_without_a_host(work: Path):
    images = str(three_drawings(work))
    options = [
        "--steps",
        "3",
        "--variants",
        "1",
        "--rank",
        "2",
        "--learning-rate",
        "0.1",
        "--sample-every",
        "0",
    ]
    anisora(work, "train", "lora", "--images", images, "--name", "dots", "--release", "Pixels 1", *options)
    said = json.loads(python(work, "-c", MAKE).splitlines()[-1])
    assert said["frames"] == [9, 48, 48, 3]
    assert said["finite"]
    assert said["lora"] > 1e-4
    assert said["family"] == "third"


def test_the_command_makes_a_clip_of_it(work: Path):
    drawing = work / "comfyui_anisora" / "web" / "drawings" / "wave.png"
    out = json.loads(
        anisora(
            work,
            "generate",
            "--model",
            "Pixels 1",
            "--keyframe",
            f"{drawing}@first",
            "--out",
            "clip.webp",
            "--json",
        )
    )
    assert out["frames"] == 9
