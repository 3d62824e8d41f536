"""The smallest model file of each dialect: names, shapes, endings and whole checkpoints, read back number by number."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.detect import identify
from comfyui_anisora.anisora_core.checkpoints.files import open_weights
from comfyui_anisora.anisora_core.checkpoints.load import describe, load_network
from comfyui_anisora.anisora_core.domain.keymap import is_joined, to_theirs
from comfyui_anisora.anisora_core.encoders.clip import clip_vision
from comfyui_anisora.anisora_core.encoders.t5 import t5_encoder
from comfyui_anisora.anisora_core.families.cogvideox.keymaps import COGVIDEOX_FROM_SAT
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.families.wan.config import WAN21_VAE
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE
from comfyui_anisora.anisora_core.generation.loading import find_files, load_release
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.nodes.host.standalone.folders import model_names
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from gguf_files import F32, gguf
from tiny_models import CLIP, T5, V1, WAN, random_weights, write_tokenizer

SMALL = replace(WAN, ffn_dim=32, num_layers=1, has_image_branch=False)
TENSORS = random_weights(WanTransformer(SMALL), 0)
PATCH, FIRST, LAST = "patch_embedding.weight", "blocks.0.modulation", "head.modulation"
CPU = torch.device("cpu")


def write_gguf(path, tensors, stored, noted=None):
    """`stored`: name -> the shape it is stored in, for those that are not stored as they are."""
    rows = {
        name: (stored.get(name, tuple(value.shape)), F32, value.numpy().tobytes())
        for name, value in tensors.items()
    }
    path.write_bytes(gguf(rows, noted))


def require_equal(path, tensors):
    model, fit = load_network(path, torch.float32)
    assert fit.is_whole
    for name, value in tensors.items():
        assert torch.equal(model.get_parameter(name), value), name


DROPPED = {FIRST: (6, 128), LAST: (2, 128)}


@pytest.mark.parametrize(
    "stored",
    [
        {PATCH: (128, 36, 2, 2), **DROPPED},
        {PATCH: (128, 144)},
        {PATCH: (128, 36, 4)},
        {PATCH: (128 * 36, 1, 2, 2)},
        {PATCH: (128 * 36, 4), FIRST: (768,)},
    ],
    ids=["without sides of 1", "flat kernel", "flat patch", "output and input joined", "all of it"],
)
def test_gguf_without_sides_comes_out_as_the_network_has_it(tmp_path, stored):
    """GGUF has at most four sides; its writers leave out those of 1 or join neighbours."""
    write_gguf(tmp_path / "wan.gguf", TENSORS, stored)
    require_equal(tmp_path / "wan.gguf", TENSORS)


def test_gguf_that_notes_its_shapes(tmp_path):
    """ComfyUI's converter reshapes tensors whose rows do not fill a block, and notes the shape they had."""
    noted = {PATCH: tuple(TENSORS[PATCH].shape), "head.head.bias": (64,)}
    write_gguf(tmp_path / "wan.gguf", TENSORS, {PATCH: (144, 128), "head.head.bias": (16, 4)}, noted)
    assert open_weights(tmp_path / "wan.gguf").shapes[PATCH] == noted[PATCH]
    require_equal(tmp_path / "wan.gguf", TENSORS)
    write_gguf(tmp_path / "odd.gguf", TENSORS, {}, {PATCH: (128, 35, 1, 2, 2)})
    with pytest.raises(ValueError, match=r"odd\.gguf: tensor patch_embedding.weight does not have the shape"):
        open_weights(tmp_path / "odd.gguf")


def test_gguf_of_v1_without_sides(tmp_path):
    config = replace(V1, num_layers=1, learned_positions=20)
    ours = random_weights(CogVideoXTransformer(config), 1)
    sat = to_theirs(ours, COGVIDEOX_FROM_SAT)
    stored = {"mixins.patch_embed.proj.weight": (64, 128), "mixins.pos_embed.pos_embedding": (20, 64)}
    assert stored.keys() <= sat.keys()
    write_gguf(tmp_path / "v1.gguf", sat, stored)
    require_equal(tmp_path / "v1.gguf", ours)


def test_gguf_of_a_vae_without_sides(tmp_path):
    vae = random_weights(WanVAE(replace(WAN21_VAE, encoder_dim=8, decoder_dim=8)), 2)
    stored = {
        name: (value.shape[0] * value.shape[1], *value.shape[2:]) if value.ndim == 5 else (value.numel(),)
        for name, value in vae.items()
        if value.ndim == 5 or name.endswith("gamma")
    }
    write_gguf(tmp_path / "vae.gguf", vae, stored)
    require_equal(tmp_path / "vae.gguf", vae)


def test_a_shape_that_is_no_joining_is_still_refused(tmp_path):
    """Turned over, numbers lie in another order."""
    turned = {**TENSORS, "blocks.0.ffn.0.weight": TENSORS["blocks.0.ffn.0.weight"].T.contiguous()}
    write_gguf(tmp_path / "wan.gguf", turned, {})
    with pytest.raises(ValueError, match="of another shape"):
        load_network(tmp_path / "wan.gguf", torch.float32)


@pytest.mark.parametrize(
    ("stored", "whole", "expected"),
    [
        ((6,), (1, 2, 3), True),
        ((2, 3), (2, 1, 3, 1), True),
        ((2, 1, 3), (2, 3), True),
        ((), (1, 1), True),
        ((3, 2), (2, 3), False),
        ((2, 2), (2, 3), False),
        ((4, 3), (2, 3, 2), False),
        ((2,), (2, 3), False),
    ],
)
def test_which_shapes_are_joined(stored, whole, expected):
    assert is_joined(stored, whole) is expected


@pytest.mark.parametrize(
    "wrapper", ["_orig_mod.", "module.", "module._orig_mod.", "model.diffusion_model._orig_mod."]
)
def test_names_of_wrapped_models(tmp_path, wrapper):
    save_file({wrapper + name: value for name, value in TENSORS.items()}, tmp_path / "wan.safetensors")
    require_equal(tmp_path / "wan.safetensors", TENSORS)


@pytest.mark.parametrize("ending", [".sft", ".SAFETENSORS", ".Sft", ".GGUF", ".PT", ".Ckpt", ".pkl", ".BIN"])
def test_endings_that_comfyui_lists(tmp_path, monkeypatch, ending):
    folder = tmp_path / "diffusion_models"
    folder.mkdir()
    path = folder / f"wan{ending}"
    if ending.lower() == ".gguf":
        write_gguf(path, TENSORS, {})
    elif ending.lower() in (".sft", ".safetensors"):
        save_file(TENSORS, path)
    else:
        torch.save(TENSORS, path)
    require_equal(path, TENSORS)
    monkeypatch.setenv("ANISORA_MODELS", str(tmp_path))
    assert model_names("diffusion_models") == [path.name]


def test_a_folder_of_upper_case_shards(tmp_path):
    names = sorted(TENSORS)
    for number, half in enumerate((names[:9], names[9:])):
        save_file({name: TENSORS[name] for name in half}, tmp_path / f"part{number}.SFT")
    require_equal(tmp_path, TENSORS)


PARTS = {
    "transformer": random_weights(WanTransformer(replace(SMALL, has_image_branch=True)), 3),
    "vae": random_weights(WanVAE(replace(WAN21_VAE, encoder_dim=8, decoder_dim=8)), 4),
    "text_encoder": random_weights(t5_encoder(replace(T5, bias_in_every_block=True)), 5),
    "image_encoder": random_weights(clip_vision(CLIP), 6),
}
PARTS["text_encoder"].pop("encoder.embed_tokens.weight")  # the same parameter as shared.weight
#: Part -> what stands before its names.
WHOLE = {
    "ComfyUI's": {
        "transformer": "model.diffusion_model.",
        "vae": "vae.",
        "text_encoder": "text_encoders.umt5xxl.transformer.",
        "image_encoder": "clip_vision.vision_model.",
    },
    "older": {
        "transformer": "model.diffusion_model.",
        "vae": "first_stage_model.",
        "text_encoder": "cond_stage_model.umt5xxl.transformer.",
        "image_encoder": "vision_model.",
    },
    "bare transformer": {
        "transformer": "",
        "vae": "vae.",
        "text_encoder": "text_encoder.",
        "image_encoder": "image_encoder.",
    },
}


@pytest.mark.parametrize("maker", WHOLE)
def test_a_checkpoint_that_holds_all_of_a_model(tmp_path, maker):
    tensors = {WHOLE[maker][part] + name: v for part, inside in PARTS.items() for name, v in inside.items()}
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    save_file(tensors, checkpoints / "all.safetensors")
    write_tokenizer(checkpoints)

    def look_in(folder, name):
        path = tmp_path / folder / name
        return path if path.exists() else None

    release = find_release("V3.1")
    files = find_files(release, {"transformer": "all.safetensors"}, look_in)
    assert files == dict.fromkeys(PARTS, checkpoints / "all.safetensors")
    loaded = load_release(release, files, torch.float32, CPU)
    networks = {
        "transformer": loaded.transformer,
        "vae": loaded.vae,
        "text_encoder": loaded.text_encoder.encoder,
        "image_encoder": loaded.image_encoder.tower,
    }
    for part, network in networks.items():
        state = network.state_dict()
        for name, value in PARTS[part].items():
            assert torch.equal(state[name], value), (part, name)
    facts = describe(checkpoints / "all.safetensors")
    assert facts["family"] == "Wan transformer with image branch"
    assert facts["also"].count(",") == 2


def test_one_part_of_a_checkpoint_is_asked_for(tmp_path):
    tensors = {f"vae.{name}": value for name, value in PARTS["vae"].items()}
    tensors |= {f"model.diffusion_model.{name}": value for name, value in TENSORS.items()}
    save_file(tensors, tmp_path / "two.safetensors")
    weights = open_weights(tmp_path / "two.safetensors")
    assert identify(weights).kind.name == "Wan transformer"
    assert identify(weights, (WanVAE,)).kind.name == "Wan VAE"
    assert identify(weights, (t5_encoder,)).kind.name == "Wan transformer"  # named in the refusal
