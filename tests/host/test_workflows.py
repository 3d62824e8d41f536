"""Every workflow that ships or was ever published in every real ComfyUI found, and what host nodes say to our objects."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.workflow import Link, Node, override, read_workflow, to_api
from hosts import PACK, Host, find_hosts, running
from safetensors import safe_open
from tiny_models import name_models, write_models
from workflow_files import PUBLISHED, SHIPPED, name_of, sampling_node

pytestmark = pytest.mark.host
HOSTS = find_hosts()


@pytest.fixture(scope="module", params=HOSTS or [None], ids=lambda host: host.name if host else "no-host")
def host(request, tmp_path_factory):
    if request.param is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run the host tests")
    base = tmp_path_factory.mktemp("base") / "run"
    write_models(base / "models")
    with running(request.param, base) as started:
        yield started


def small(path: Path) -> dict[str, Node]:
    nodes = read_workflow(path, NODE_CLASS_MAPPINGS)
    for setting in (f"{sampling_node(path)}.steps=2", "AniSoraTimeline.length=5"):
        override(nodes, setting, NODE_CLASS_MAPPINGS)
    name_models(nodes)
    return nodes


def error_of(result: dict) -> str:
    messages = {entry[0]: entry[1] for entry in result["status"]["messages"]}
    return messages["execution_error"]["exception_message"]


@pytest.mark.parametrize("path", SHIPPED + PUBLISHED, ids=name_of)
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


@pytest.mark.parametrize("way", ["condition", "paper", "hold"])
def test_every_way_of_a_motion_mask_runs(host: Host, way: str):
    nodes = small(PACK / "workflows" / "motion_mask.json")
    override(nodes, f"AniSoraMotionMask.way={way}", NODE_CLASS_MAPPINGS)
    assert host.run(to_api(nodes))["status"]["status_str"] == "success"


def test_the_hosts_vae_encode_takes_our_vae_and_says_which_size_fits(host: Host):
    nodes = {
        "1": Node("1", "AniSoraModelLoader", "", {"release": "mini", "precision": "auto"}),
        "2": Node("2", "EmptyImage", "", {"width": 64, "height": 32, "batch_size": 5, "color": 0}),
        "3": Node("3", "VAEEncode", "", {"pixels": Link("2", 0), "vae": Link("1", 2)}),
        "4": Node("4", "VAEDecode", "", {"samples": Link("3", 0), "vae": Link("1", 2)}),
        "5": Node("5", "SaveImage", "", {"images": Link("4", 0), "filename_prefix": "round_trip"}),
    }
    (output,) = host.run(to_api(nodes))["outputs"].values()
    assert len(output["images"]) == 5
    nodes["2"].inputs["width"] = 60
    assert error_of(host.run(to_api(nodes))).startswith("width 60 is not a multiple of 16 pixels; use 64")


def test_an_interrupt_stops_sampling_at_once(host: Host):
    nodes = read_workflow(PACK / "workflows" / "text_only.json", NODE_CLASS_MAPPINGS)
    override(nodes, "AniSoraSampler.steps=1000", NODE_CLASS_MAPPINGS)
    key = host.call("/prompt", {"prompt": to_api(nodes)})["prompt_id"]
    time.sleep(3)  # long enough to be sampling, far too short for 1000 steps
    since = time.monotonic()
    host.call("/interrupt", {})
    messages = host.wait(key, 20)["status"]["messages"]
    assert "execution_interrupted" in [entry[0] for entry in messages]
    assert time.monotonic() - since < 10


def test_a_drawing_named_in_the_timeline_is_read_again_when_it_changes(host: Host):
    nodes = small(PACK / "workflows" / "text_only.json")
    row = {"keyframes": [{"image": "key.png [input]", "position": "first"}]}
    override(nodes, f"AniSoraTimeline.timeline_json={json.dumps(row)}", NODE_CLASS_MAPPINGS)
    timeline = next(node.id for node in nodes.values() if node.kind == "AniSoraTimeline")
    cached = []
    for name in ("wave", "wave", "walk_first"):
        shutil.copy(PACK / "web" / "drawings" / f"{name}.png", host.base / "input" / "key.png")
        messages = {entry[0]: entry[1] for entry in host.run(to_api(nodes))["status"]["messages"]}
        assert "execution_error" not in messages, messages
        cached.append(timeline in messages["execution_cached"]["nodes"])
    assert cached == [False, True, False]


def test_the_hosts_sampler_and_decoder_make_a_clip_of_our_model(host: Host):
    nodes = small(PACK / "workflows" / "image_to_video.json")
    sampler = next(node for node in nodes.values() if node.kind == "AniSoraSampler")
    links = {
        name: value for name, value in sampler.inputs.items() if isinstance(value, Link) and name != "release"
    }
    links["latent_image"] = links.pop("latent")
    settings = {
        "seed": 1,
        "steps": 2,
        "cfg": 2.0,
        "sampler_name": "euler",
        "scheduler": "simple",
        "denoise": 1.0,
    }
    nodes[sampler.id] = Node(sampler.id, "KSampler", "KSampler", {**links, **settings})
    assert host.run(to_api(nodes))["status"]["status_str"] == "success", host.log.read_text()[-2000:]


def filled(info: dict, kind: str, **given) -> dict:
    """API inputs of a host's node: what is given, else its defaults (a prompt must hold all that are required)."""
    inputs = {}
    for name, (type_, *more) in info[kind]["input"]["required"].items():
        options = more[0] if more else {}
        choices = type_ if isinstance(type_, list) else options.get("options")
        default = options.get("default", choices[0] if choices else None)
        if default is not None:
            inputs[name] = default
    return {"class_type": kind, "inputs": {**inputs, **given}}


def test_the_hosts_trainer_trains_our_model_and_its_lora_loads(host: Host):
    info = host.call("/object_info")
    nodes = to_api(small(PACK / "workflows" / "image_to_video.json"))
    sampler = next(row["inputs"] for row in nodes.values() if row["class_type"] == "AniSoraSampler")
    training = {"steps": 2, "rank": 2, "training_dtype": "fp32", "lora_dtype": "fp32", "learning_rate": 0.01}
    nodes["80"] = filled(
        info,
        "TrainLoraNode",
        **{name: sampler[name] for name in ("model", "positive")},
        latents=sampler["latent"],
        **training,
    )
    saver = "SaveLoRA" if "SaveLoRA" in info else "SaveLoRANode"
    slot = info["TrainLoraNode"]["output"].index("LORA_MODEL")
    nodes["81"] = filled(info, saver, lora=["80", slot], prefix="loras/ours")
    result = host.run(nodes)
    assert result["status"]["status_str"] == "success", error_of(result)
    (made,) = (host.base / "output" / "loras").glob("ours*.safetensors")
    with safe_open(made, framework="np") as file:
        assert {key.partition(".lora")[0] for key in file.keys()} >= {"diffusion_model.blocks.0.self_attn.q"}  # noqa: SIM118
    nodes = to_api(small(PACK / "workflows" / "image_to_video.json"))
    row = next(row["inputs"] for row in nodes.values() if row["class_type"] == "AniSoraSampler")
    loads = filled(info, "LoraLoaderModelOnly", model=row["model"], lora_name=made.name, strength_model=1.0)
    nodes["82"], row["model"] = loads, ["82", 0]
    (host.base / "models" / "loras").mkdir(exist_ok=True)
    shutil.copy(made, host.base / "models" / "loras" / made.name)
    result = host.run(nodes)
    assert result["status"]["status_str"] == "success", error_of(result)
    assert "lora key not loaded" not in host.log.read_text()


@pytest.mark.slow
def test_the_hosts_compile_node_takes_our_model(host: Host):
    info = host.call("/object_info")
    nodes = to_api(small(PACK / "workflows" / "image_to_video.json"))
    row = next(row["inputs"] for row in nodes.values() if row["class_type"] == "AniSoraSampler")
    nodes["82"] = filled(info, "TorchCompileModel", model=row["model"])
    row["model"] = ["82", 0]
    result = host.run(nodes, 500.0)
    assert result["status"]["status_str"] == "success", error_of(result)


def test_the_same_seed_twice_is_cached_and_the_log_is_clean(host: Host):
    nodes = to_api(small(PACK / "workflows" / "image_to_video.json"))
    host.run(nodes)
    messages = {entry[0]: entry[1] for entry in host.run(nodes)["status"]["messages"]}
    assert len(messages["execution_cached"]["nodes"]) >= len(nodes) - 1
    failed = [line for line in host.log.read_text().splitlines() if "IMPORT FAILED" in line]
    assert not [line for line in failed if "AniSora" in line], (
        failed
    )  # the host's own extras may lack packages


def test_the_pack_is_imported_in_under_a_second(host: Host):
    """The host prints how long each pack took."""
    line = next(line for line in host.log.read_text().splitlines() if "seconds" in line and "AniSora" in line)
    assert float(re.search(r"([\d.]+) seconds", line)[1]) < 1.0
