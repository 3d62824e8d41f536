"""Another family of models, one folder in `families`, in every real ComfyUI found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from hosts import find_hosts, running
from third_family import pack_with_a_third_family, run_in_pack, write_weights
from tiny_models import write_models

pytestmark = pytest.mark.host


def node(kind: str, **inputs: object) -> dict[str, object]:
    return {"class_type": kind, "inputs": inputs}


PROMPT = {
    "loader": node("AniSoraModelLoader", release="Pixels 1", precision="float32"),
    "lora": node("AniSoraLora", model=["loader", 0], lora="dots.safetensors", strength=1.0),
    "drawing": node("AniSoraDrawing", drawing="wave"),
    "keyframe": node("AniSoraKeyframe", image=["drawing", 0], position="first", strength=1.0),
    "timeline": node(
        "AniSoraTimeline",
        release=["loader", 3],
        length=0,
        fps=0.0,
        width=0,
        height=0,
        keyframes=["keyframe", 0],
    ),
    "prompt": node("AniSoraPrompt", release=["loader", 3], text="a wave", motion_score=-1.0),
    "positive": node("CLIPTextEncode", clip=["loader", 1], text=["prompt", 0]),
    "negative": node("CLIPTextEncode", clip=["loader", 1], text=["prompt", 1]),
    "guide": node(
        "AniSoraGuide",
        positive=["positive", 0],
        negative=["negative", 0],
        vae=["loader", 2],
        timeline=["timeline", 0],
        release=["loader", 3],
    ),
    "sampler": node(
        "AniSoraSampler",
        model=["lora", 0],
        positive=["guide", 0],
        negative=["guide", 1],
        latent=["guide", 2],
        release=["loader", 3],
        seed=1,
        steps=0,
        cfg=0.0,
        shift=0.0,
        sampler="auto",
    ),
    "decode": node("AniSoraDecode", samples=["sampler", 0], vae=["loader", 2], latents_per_chunk=2),
    "save": node("SaveImage", images=["decode", 0], filename_prefix="third"),
}
LORA = """
import sys, torch
from pathlib import Path
from comfyui_anisora.anisora_core.families import find_family
from comfyui_anisora.anisora_core.lora.changes import LowRank
from comfyui_anisora.anisora_core.lora.write import write_changes
from safetensors.torch import save_file
change = LowRank(torch.ones(2, 24), torch.ones(48, 2), 0.1)
save_file(write_changes({"blocks.0.up.weight": change}, find_family("third"), "kohya", None).tensors, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("host", find_hosts() or [None], ids=lambda host: host.name if host else "no-host")
def test_it_is_loaded_sampled_with_a_lora_and_decoded(host: Path | None, tmp_path: Path):
    if host is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run the host tests")
    base, pack = tmp_path / "run", pack_with_a_third_family(tmp_path)
    write_models(base / "models")
    write_weights(pack, base / "models")
    (base / "models" / "loras").mkdir()
    run_in_pack(pack, LORA, base / "models" / "loras" / "dots.safetensors")
    with running(host, base, pack) as started:
        result = started.run(PROMPT)
        assert result["status"]["status_str"] == "success", started.log.read_text()[-2000:]
        assert len(result["outputs"]["save"]["images"]) == 9
