"""Long Shot and Continue in every real ComfyUI found: several windows, every way, and parts put together by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.workflow import Link, Node, override, read_workflow, to_api
from hosts import PACK, Host, find_hosts, running

pytestmark = pytest.mark.host
HOSTS = find_hosts()
#: Windows of 13 frames are 4 latents; two are handed over, so 17 frames are two windows.
SMALL = (
    "AniSoraTimeline.length=17", "AniSoraTimeline.width=64", "AniSoraTimeline.height=64", "AniSoraLongShot.window=13",
    "AniSoraLongShot.steps=1",
)  # fmt: skip


@pytest.fixture(scope="module", params=HOSTS or [None], ids=lambda host: host.name if host else "no-host")
def host(request, tmp_path_factory):
    if request.param is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run the host tests")
    with running(request.param, tmp_path_factory.mktemp("base") / "run") as started:
        yield started


def long_shot(*settings: str) -> dict[str, Node]:
    nodes = read_workflow(PACK / "workflows" / "long_shot.json", NODE_CLASS_MAPPINGS)
    for setting in (*SMALL, *settings):
        override(nodes, setting, NODE_CLASS_MAPPINGS)
    return nodes


def saved(host: Host, nodes: dict[str, Node]) -> int:
    """Bytes of the one clip."""
    result = host.run(to_api(nodes))
    assert result["status"]["status_str"] == "success", host.log.read_text()[-2000:]
    (clip,) = [image for output in result["outputs"].values() for image in output.get("images", [])]
    return (host.base / "output" / clip["subfolder"] / clip["filename"]).stat().st_size


@pytest.mark.parametrize("way", ["latents", "anchored", "frame", "svi"])
def test_every_way_makes_a_clip(host: Host, way: str):
    assert saved(host, long_shot(f"AniSoraLongShot.join={way}")) > 500


def test_parts_are_put_together_by_hand(host: Host):
    """Long Shot's latents, and 8 frames more by Continue with texts of their own."""
    nodes = long_shot()
    (shot,) = [key for key, node in nodes.items() if node.kind == "AniSoraLongShot"]
    (timeline,) = [key for key, node in nodes.items() if node.kind == "AniSoraTimeline"]
    (decode,) = [key for key, node in nodes.items() if node.kind == "AniSoraDecode"]
    part = replace(nodes[timeline], id="90", inputs=dict(nodes[timeline].inputs))
    part.inputs.pop("keyframes")
    part.inputs["length"] = 9
    text = Node("91", "CLIPTextEncode", "", {"clip": nodes[shot].inputs["clip"], "text": "she waves"})
    shared = {
        name: nodes[shot].inputs[name]
        for name in ("model", "vae", "release", "steps", "cfg", "shift", "sampler")
    }
    more = {
        "positive": Link("91", 0),
        "negative": Link("91", 0),
        "samples": Link(shot, 0),
        "timeline": Link("90", 0),
    }
    rest = {"seed": 3, "join": "auto", "handed": 0}
    nodes |= {"90": part, "91": text, "92": Node("92", "AniSoraContinue", "", {**shared, **more, **rest})}
    nodes[decode].inputs["samples"] = Link("92", 0)
    assert saved(host, nodes) > 500


def test_a_way_that_a_release_lacks_is_said_in_one_line(host: Host):
    result = host.run(to_api(long_shot("AniSoraLongShot.window=12")))
    messages = {entry[0]: entry[1] for entry in result["status"]["messages"]}
    said = messages["execution_error"]["exception_message"].strip()
    assert said == "window 12: windows have 1 + a multiple of 4 frames; use 13"
