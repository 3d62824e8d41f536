"""Workflow files as people have them: with subgraphs, a byte-order mark, or damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from comfyui_anisora.anisora_core.domain.json_text import parse_json, read_json
from comfyui_anisora.cli import main
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.workflow import Link, execute, read_workflow

PACK = Path(__file__).parents[2]
BLUEPRINTS = sorted((PACK / "subgraphs").glob("*.json"))


def around(blueprint: Path, seed: int = 7) -> dict:
    """A workflow as the frontend saves it: mini and a drawing into the blueprint's node, and its frames into a file."""
    data = json.loads(blueprint.read_text())
    (instance,) = data["nodes"]
    data["links"] = []

    def connect(source: tuple[int, type | dict, str], slot: dict, target: int, target_slot: int) -> None:
        node, kind, name = source
        names = (
            kind.RETURN_NAMES if isinstance(kind, type) else [output["name"] for output in kind["outputs"]]
        )
        slot["link"] = len(data["links"]) + 1
        data["links"].append([slot["link"], node, list(names).index(name), target, target_slot, slot["type"]])

    kinds = {2: "AniSoraModelLoader", 3: "AniSoraDrawing", 4: "AniSoraKeyframe"}
    loader, drawing, keyframe = ((number, NODE_CLASS_MAPPINGS[kind]) for number, kind in kinds.items())
    image = {"name": "image", "type": "IMAGE"}
    frames = {"name": "images", "type": "IMAGE"}
    video = {"name": "video", "type": "VIDEO"}
    data["nodes"] += [
        {"id": 2, "type": kinds[2], "widgets_values": ["mini", "auto", "", "", "", "", ""]},
        {"id": 3, "type": kinds[3], "widgets_values": ["wave"]},
        {"id": 4, "type": kinds[4], "inputs": [image], "widgets_values": ["first", 1.0]},
        {"id": 5, "type": "CreateVideo", "inputs": [frames], "widgets_values": [12.0]},
        {"id": 6, "type": "SaveVideo", "inputs": [video], "widgets_values": ["clip"]},
    ]
    connect((*drawing, "image"), image, 4, 0)
    for number, slot in enumerate(instance["inputs"]):
        if slot["name"] == "keyframes":
            connect((*keyframe, "keyframes"), slot, 1, number)
        elif slot["name"] in ("release", "clip", "vae", "model"):
            connect((*loader, slot["name"]), slot, 1, number)
        elif slot["name"] == "seed":
            instance["widgets_values"] = [seed]
    connect((1, instance, "images"), frames, 5, 0)
    data["links"].append([99, 5, 0, 6, 0, "VIDEO"])
    video["link"] = 99
    return data


def saved(data: dict, path: Path) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda path: path.stem)
def test_the_packs_own_subgraphs_run(blueprint, tmp_path):
    nodes = read_workflow(saved(around(blueprint, seed=123), tmp_path / "a.json"), NODE_CLASS_MAPPINGS)
    assert {node.id.partition(":")[0] for node in nodes.values()} == {"1", "2", "3", "4", "5", "6"}
    (sampler,) = (node for node in nodes.values() if node.kind == "AniSoraSampler")
    assert sampler.id.startswith("1:")
    assert sampler.inputs["seed"] == 123
    assert sampler.inputs["model"] == Link("2", 0)
    assert nodes["5"].inputs["images"].node.startswith("1:")
    (timeline,) = (node for node in nodes.values() if node.kind == "AniSoraTimeline")
    timeline.inputs["length"], sampler.inputs["steps"] = 5, 1
    (file,) = execute(nodes, NODE_CLASS_MAPPINGS, tmp_path / "out")
    assert file.stat().st_size > 1000


def nested(depth: int, mode: int = 0) -> dict:
    """A drawing into a keyframe that is `depth` subgraphs deep."""
    slot = {"name": "image", "type": "IMAGE"}

    def part(level: int) -> tuple[list, list]:
        if level == depth:
            return [
                {
                    "id": 9,
                    "type": "AniSoraKeyframe",
                    "inputs": [{**slot, "link": 1}],
                    "widgets_values": ["3", 0.5],
                }
            ], []
        return [{"id": 8, "type": f"graph {level}", "inputs": [{**slot, "link": 1}], "mode": mode}], []

    graphs = [
        {
            "id": f"graph {level}",
            "inputs": [slot],
            "outputs": [],
            "nodes": part(level + 1)[0],
            "links": [
                {
                    "id": 1,
                    "origin_id": -10,
                    "origin_slot": 0,
                    "target_id": 9,
                    "target_slot": 0,
                    "type": "IMAGE",
                }
            ],
        }
        for level in range(depth)
    ]
    drawing = {"id": 3, "type": "AniSoraDrawing", "widgets_values": ["wave"]}
    return {
        "nodes": [drawing, *part(0)[0]],
        "links": [[1, 3, 0, 8, 0, "IMAGE"]],
        "definitions": {"subgraphs": graphs},
    }


def test_subgraphs_inside_subgraphs_and_those_switched_off(tmp_path):
    nodes = read_workflow(saved(nested(3), tmp_path / "a.json"), NODE_CLASS_MAPPINGS)
    assert nodes["8:8:8:9"].inputs == {"image": Link("3", 0), "position": "3", "strength": 0.5}
    for mode in (2, 4):
        assert set(read_workflow(saved(nested(3, mode), tmp_path / "a.json"), NODE_CLASS_MAPPINGS)) == {"3"}


def test_a_subgraph_that_contains_itself(tmp_path):
    data = nested(1)
    data["definitions"]["subgraphs"][0]["nodes"] = [{"id": 8, "type": "graph 0", "inputs": []}]
    with pytest.raises(ValueError, match="a subgraph contains itself"):
        read_workflow(saved(data, tmp_path / "a.json"), NODE_CLASS_MAPPINGS)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = PACK / "workflows" / "image_to_video.json"
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_workflow(tmp_path / "a.json", NODE_CLASS_MAPPINGS) == read_workflow(path, NODE_CLASS_MAPPINGS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is not JSON: Expecting value in line 1, column 1"),
        (b"{\n 'a'", "in line 2, column 2"),
        (b"\xff\xfe{}", "it is not UTF-8 text, at byte 0"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'{"a": 1e400}', "the number 1e400 is too large"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[" + b"1" * 5000 + b"]", "4300"),
    ],
)
def test_what_is_wrong_with_json_is_one_line(tmp_path, content, said):
    (tmp_path / "a.json").write_bytes(content)
    for read in (lambda: read_json(tmp_path / "a.json"), lambda: parse_json(content)):
        with pytest.raises(ValueError, match=said) as error:
            read()
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"workflow .*a\.json' cannot be read"):
        read_workflow(tmp_path / "a.json", NODE_CLASS_MAPPINGS)


def test_places_that_are_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    for name, said in {
        "pipe.json": "is not a file",
        "gone.json": "does not exist",
        ".": "is not a file",
    }.items():
        with pytest.raises(ValueError, match=said):
            read_json(tmp_path / name)


def test_a_console_without_a_files_letters_ends_nothing(tmp_path):
    folder = tmp_path / "夜"
    folder.mkdir()
    command = [sys.executable, "-m", "comfyui_anisora.cli", "inspect"]
    path = folder / "transformer.safetensors"
    path.symlink_to(PACK / "anisora_core" / "assets" / "mini" / "transformer.safetensors")
    done = subprocess.run(
        [*command, str(path)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u591c" in done.stdout


def test_a_workflow_of_another_kind_is_one_line(tmp_path, capsys):
    for text in (
        '{"nodes": 1}',
        '{"nodes": [{"id": 1}], "links": []}',
        "[]",
        "1",
        '"text"',
        "null",
        '{"a": 1}',
    ):
        (tmp_path / "a.json").write_text(text)
        assert main(["run", str(tmp_path / "a.json"), "--out", str(tmp_path / "out")]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
