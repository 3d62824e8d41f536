"""Every shipped workflow in every real ComfyUI found, and what host nodes say to our objects."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.host.workflow import Link, Node, override, read_workflow, to_api
from hosts import PACK, Host, find_hosts, running

pytestmark = pytest.mark.host
HOSTS = find_hosts()
WORKFLOWS = sorted((PACK / "workflows").glob("*.json"))
SMALL = ("AniSoraSampler.steps=2", "AniSoraTimeline.length=5")


@pytest.fixture(scope="module", params=HOSTS or [None], ids=lambda host: host.name if host else "no-host")
def host(request, tmp_path_factory):
    if request.param is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run the host tests")
    with running(request.param, tmp_path_factory.mktemp("base") / "run") as started:
        yield started


def small(path: Path) -> dict[str, Node]:
    nodes = read_workflow(path, NODE_CLASS_MAPPINGS)
    for setting in SMALL:
        override(nodes, setting)
    return nodes


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_and_saves_a_clip(host: Host, path: Path):
    result = host.run(to_api(small(path)))
    assert result["status"]["status_str"] == "success", host.log.read_text()[-2000:]
    saved = [image for output in result["outputs"].values() for image in output.get("images", [])]
    assert len(saved) == 1
    assert (host.base / "output" / saved[0]["subfolder"] / saved[0]["filename"]).stat().st_size > 500


def test_nodes_have_the_same_schema_in_the_host(host: Host):
    info = host.call("/object_info")
    for name, node in NODE_CLASS_MAPPINGS.items():
        schema = node.INPUT_TYPES()
        order = info[name]["input_order"]
        assert order["required"] == list(schema.get("required", {}))
        assert order.get("optional", []) == list(schema.get("optional", {}))
        assert tuple(info[name]["output"]) == node.RETURN_TYPES


def test_the_hosts_vae_decode_takes_our_vae(host: Host):
    nodes = small(PACK / "workflows" / "text_only.json")
    decode = next(node for node in nodes.values() if node.kind == "AniSoraDecode")
    inputs = {name: value for name, value in decode.inputs.items() if isinstance(value, Link)}
    nodes[decode.id] = Node(decode.id, "VAEDecode", "VAE Decode", inputs)
    assert host.run(to_api(nodes))["status"]["status_str"] == "success"


def test_ksampler_says_in_one_line_that_it_cannot_take_our_model(host: Host):
    nodes = small(PACK / "workflows" / "text_only.json")
    sampler = next(node for node in nodes.values() if node.kind == "AniSoraSampler")
    links = {
        name: value for name, value in sampler.inputs.items() if isinstance(value, Link) and name != "release"
    }
    links["latent_image"] = links.pop("latent")
    settings = {
        "seed": 1,
        "steps": 2,
        "cfg": 1.0,
        "sampler_name": "euler",
        "scheduler": "simple",
        "denoise": 1.0,
    }
    nodes[sampler.id] = Node(sampler.id, "KSampler", "KSampler", {**links, **settings})
    status = host.run(to_api(nodes))["status"]
    assert status["status_str"] == "error"
    message = next(
        entry[1]["exception_message"] for entry in status["messages"] if entry[0] == "execution_error"
    )
    assert "works with the node AniSora Sampler only" in message


def test_the_same_seed_twice_is_cached_and_the_log_is_clean(host: Host):
    nodes = to_api(small(PACK / "workflows" / "image_to_video.json"))
    host.run(nodes)
    messages = {entry[0]: entry[1] for entry in host.run(nodes)["status"]["messages"]}
    assert len(messages["execution_cached"]["nodes"]) >= len(nodes) - 1
    assert "IMPORT FAILED" not in host.log.read_text()
