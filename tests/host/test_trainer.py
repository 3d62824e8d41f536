"""The LoRA trainer in every real ComfyUI found: the host answers meanwhile, an interrupt saves, Run goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.model_loader import DRAWINGS
from comfyui_anisora.nodes.workflow import override, read_workflow, to_api
from hosts import Host, find_hosts, python_of, running
from PIL import Image
from workflow_files import STYLE_LORA

pytestmark = pytest.mark.host
HOSTS = find_hosts()
SMALL = "batch = 1\nlength = 5\nvariants = 1\narea = 1024\nsave_every = 1000\nsample_every = 1000"


@pytest.fixture(scope="module", params=HOSTS or [None], ids=lambda host: host.name if host else "no-host")
def host(request, tmp_path_factory):
    if request.param is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run the host tests")
    if subprocess.run([python_of(request.param), "-c", "import accelerate"], check=False).returncode:
        pytest.skip(f"{request.param.name} has no accelerate, which training needs: install requirements.txt")
    base = tmp_path_factory.mktemp("base") / "run"
    with running(request.param, base) as started:
        folder = base / "input" / "my drawings"
        folder.mkdir()
        for name in ("wave", "walk_first", "crouch_last"):
            with Image.open(DRAWINGS / f"{name}.png") as drawing:
                drawing.resize((64, 64)).save(folder / f"{name}.png")
        yield started


def prompt(**inputs: Any) -> dict[str, Any]:
    nodes = read_workflow(STYLE_LORA, NODE_CLASS_MAPPINGS)
    for name, value in {"images": "my drawings", "options": SMALL, **inputs}.items():
        override(nodes, f"AniSoraLoraTrainer.{name}={value}", NODE_CLASS_MAPPINGS)
    return to_api(nodes)


def messages_of(result: dict) -> dict[str, Any]:
    return {entry[0]: entry[1] for entry in result["status"]["messages"]}


def loras_of(host: Host) -> list[str]:
    return host.call("/models/loras")


class Page:
    """What a page hears of a training, from a thread of its own."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.heard: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.listen, daemon=True)

    def __enter__(self) -> Page:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join(10)

    def listen(self) -> None:
        with self.host.events("trainer") as events:
            while not self.ended.is_set():
                try:
                    message = events.recv(timeout=0.5)
                except TimeoutError:
                    continue
                if isinstance(message, str) and json.loads(message)["type"] == "anisora.training":
                    self.heard.append(json.loads(message)["data"])

    def wait_for_step(self, step: int) -> None:
        until = time.monotonic() + 180
        while time.monotonic() < until:
            if any(one["phase"] == "training" and one["done"] >= step for one in self.heard):
                return
            time.sleep(0.05)
        raise AssertionError((self.heard[-1:], self.host.log.read_text()[-2000:]))


def test_the_workflow_trains_shows_how_it_goes_and_leaves_a_lora(host: Host):
    with Page(host) as page:
        nodes = prompt(name="first", steps=3)
        key = host.call("/prompt", {"prompt": nodes, "client_id": "trainer"})["prompt_id"]
        slowest = 0.0
        while not host.call(f"/history/{key}"):
            since = time.monotonic()
            host.call("/system_stats")
            slowest = max(slowest, time.monotonic() - since)
            time.sleep(0.2)
        result = host.wait(key, 10)
    assert result["status"]["status_str"] == "success", messages_of(result)
    assert slowest < 2.0  # two cores, both of them training
    trainer = next(key for key, row in nodes.items() if row["class_type"] == "AniSoraLoraTrainer")
    assert {one["node"] for one in page.heard} == {trainer}
    phases = [one["phase"] for one in page.heard]
    assert phases[0] == "starting"
    assert phases[-1] == "finished"
    last = page.heard[-1]
    assert last["report"][0].startswith("3 pictures")
    assert (last["done"], last["total"], len(last["curve"])) == (3, 3, 3)
    seen = host.base / "output" / last["sheet"]["subfolder"] / last["sheet"]["filename"]
    assert seen.stat().st_size > 1000
    assert result["outputs"][trainer]["anisora_training"] == [
        {name: value for name, value in last.items() if name != "node"}
    ]
    assert len([one for output in result["outputs"].values() for one in output.get("images", [])]) == 1
    assert loras_of(host) == ["first.safetensors"]


def test_the_lora_and_the_losses_are_what_the_hosts_nodes_take(host: Host):
    nodes = prompt(name="first", steps=3)
    trainer = next(key for key, row in nodes.items() if row["class_type"] == "AniSoraLoraTrainer")
    info = host.call("/object_info")
    saver = "SaveLoRA" if "SaveLoRA" in info else "SaveLoRANode"
    nodes["20"] = {"class_type": saver, "inputs": {"lora": [trainer, 0], "prefix": "loras/ours"}}
    nodes["21"] = {"class_type": "LossGraphNode", "inputs": {"loss": [trainer, 1], "filename_prefix": "loss"}}
    nodes["22"] = {"class_type": "AniSoraModelLoader", "inputs": {"release": "mini", "precision": "auto"}}
    loads = {"model": ["22", 0], "lora": [trainer, 0], "strength_model": 1.0, "bypass": False}
    known = {
        **info["LoraModelLoader"]["input"]["required"],
        **info["LoraModelLoader"]["input"].get("optional", {}),
    }
    nodes["23"] = {
        "class_type": "LoraModelLoader",
        "inputs": {key: loads[key] for key in loads if key in known},
    }
    nodes["24"] = {"class_type": "ModelSave", "inputs": {"model": ["23", 0], "filename_prefix": "merged"}}
    result = host.run(nodes)
    assert result["status"]["status_str"] == "success", messages_of(result)
    assert "lora key not loaded" not in host.log.read_text()
    assert len(list((host.base / "output" / "loras").glob("ours*"))) == 1


def test_a_finished_training_is_not_repeated_but_a_changed_folder_is(host: Host):
    nodes = prompt(name="again", steps=2)
    trainer = next(key for key, row in nodes.items() if row["class_type"] == "AniSoraLoraTrainer")

    def run() -> tuple[bool, int]:
        result = messages_of(host.run(nodes))
        assert "execution_error" not in result, result
        done = [path for path in (host.base / "output" / "anisora_training").glob("again*")]
        return trainer in result["execution_cached"]["nodes"], len(done)

    assert run() == (False, 1)
    assert run() == (True, 1)
    shutil.copy(DRAWINGS / "story_1.png", host.base / "input" / "my drawings")
    assert run() == (False, 2)
    (host.base / "input" / "my drawings" / "story_1.png").unlink()


def test_an_interrupt_saves_within_a_step_and_run_goes_on(host: Host):
    nodes = prompt(name="stopped", steps=400)
    with Page(host) as page:
        key = host.call("/prompt", {"prompt": nodes, "client_id": "trainer"})["prompt_id"]
        page.wait_for_step(3)
        since = time.monotonic()
        host.call("/interrupt", {})
        messages = messages_of(host.wait(key, 60))
        took = time.monotonic() - since
        time.sleep(1)
    assert "execution_interrupted" in messages
    assert took < 10  # a step, saving, and the end of the process
    assert [one["phase"] for one in page.heard][-2:] == ["stopping", "stopped"]
    run = host.base / "output" / "anisora_training" / "stopped"
    done = len((run / "loss.jsonl").read_text().splitlines())
    assert 3 <= done < 400
    assert (run / "state.pt").exists()
    assert "stopped.safetensors" in loras_of(host)
    nodes = prompt(name="stopped", steps=done + 2)
    assert host.run(nodes)["status"]["status_str"] == "success"
    steps = [json.loads(line)["step"] for line in (run / "loss.jsonl").read_text().splitlines()]
    assert steps == list(range(1, done + 3))


@pytest.mark.slow
def test_the_hosts_memory_comes_back(host: Host):
    assert host.run(prompt(name="memory1", steps=2))["status"]["status_str"] == "success"
    before = host.resident_megabytes()
    for number in (2, 3):
        assert host.run(prompt(name=f"memory{number}", steps=2))["status"]["status_str"] == "success"
    print(f"resident MB: {before:.0f}, then {host.resident_megabytes():.0f}")  # noqa: T201
    assert host.resident_megabytes() < before + 100


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("name", "../x", "name '../x'"),
        ("name", "C:x", "name 'C:x'"),
        ("images", "../../outside", "images"),
        ("images", "/nowhere", "images: there is no folder '/nowhere'"),
        ("options", "batch = 0", "options, line 1: batch 0 must be 1 to 256"),
        ("transformer_file", "gone", "transformer"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_input(name: str, value: str, said: str, host: Host):
    error = messages_of(host.run(prompt(**{"steps": 2, name: value})))["execution_error"]
    assert error["exception_type"] == "ValueError"
    assert error["exception_message"].strip().startswith(said)
    assert "\n" not in error["exception_message"].strip()


def test_what_goes_wrong_in_the_process_is_told_by_the_host(host: Host):
    (host.base / "input" / "empty").mkdir()
    error = messages_of(host.run(prompt(images="empty", name="empty", steps=2)))["execution_error"]
    assert "training folder" in error["exception_message"]
    assert "Traceback" not in error["exception_message"]
