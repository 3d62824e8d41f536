"""Files of loader and trainer are chosen from lists; what was allowed while they were texts still is."""

from __future__ import annotations

import pytest
from comfyui_anisora.nodes.lora_trainer import AniSoraLoraTrainer
from comfyui_anisora.nodes.model_loader import FILE_INPUTS, AniSoraModelLoader
from comfyui_anisora.nodes.workflow import Link, Node
from comfyui_anisora.nodes.workflow.check import check_inputs

CHOSEN = {"release": "mini", "precision": "auto"}
NODES = {"AniSoraModelLoader": AniSoraModelLoader, "AniSoraLoraTrainer": AniSoraLoraTrainer}


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A models folder with a file of each kind, and one of mini in a folder of its own."""
    names = (
        "diffusion_models/sub/wide.safetensors",
        "diffusion_models/my mini/card.json",
        "diffusion_models/my mini/transformer.safetensors",
        "vae/own.safetensors",
        "checkpoints/whole.safetensors",
    )
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.setenv("ANISORA_MODELS", str(tmp_path))


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_the_lists_hold_the_folders_files_checkpoints_and_folders_of_mini(node, models):
    options = {name: spec[0] for name, spec in node.INPUT_TYPES()["optional"].items() if name in FILE_INPUTS}
    assert options["transformer_file"] == ["", "my mini", "sub/wide.safetensors", "whole.safetensors"]
    assert options["vae_file"] == ["", "own.safetensors", "whole.safetensors"]


def test_a_value_that_is_not_listed_is_for_the_node_to_find(models):
    node = Node("1", "AniSoraModelLoader", "", {**CHOSEN, "transformer_file": "old.gguf"})
    check_inputs(node, {"1": node}, NODES)
    node.inputs["precision"] = "float7"
    with pytest.raises(ValueError, match="precision 'float7' is unknown"):
        check_inputs(node, {"1": node}, NODES)
    node.inputs.update(CHOSEN, vae_file=3)
    with pytest.raises(ValueError, match="vae_file 3 is not STRING"):
        check_inputs(node, {"1": node}, NODES)


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_texts_and_choices_may_be_linked_to_a_files_input_and_nothing_else(node):
    for given in ("STRING", "COMBO", "*", ["a.gguf"]):
        assert node.VALIDATE_INPUTS({"vae_file": given}) is True
    assert node.VALIDATE_INPUTS({"release": "COMBO"}) is True
    assert "vae_file takes STRING, but IMAGE is connected" in node.VALIDATE_INPUTS({"vae_file": "IMAGE"})
    assert "release takes" in node.VALIDATE_INPUTS({"release": "IMAGE"})


def test_a_link_is_checked_by_the_same_rules_without_a_host(models):
    loader = Node("1", "AniSoraModelLoader", "", {**CHOSEN, "vae_file": Link("2", 3)})
    trainer = Node("2", "AniSoraLoraTrainer", "")
    check_inputs(loader, {"1": loader, "2": trainer}, NODES)


def test_a_number_is_the_name_of_a_file_that_is_not_there(models):
    """A choice holds what a workflow written by hand gives it; before, the host made a text of it."""
    with pytest.raises(ValueError, match="1000"):
        AniSoraModelLoader().load("V3.1", "auto", transformer_file=1000)  # type: ignore[arg-type]
