"""Every form of LoRA file, written in its maker's own layout, read back and applied, against dense W + scale * BA."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import describe, read_lora
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG as COG
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.lora.apply import LoraUse, changes_to, live, merge, unmerge
from safetensors.torch import save_file

WAN = replace(DEBUG, has_image_branch=True)
RANK, ALPHA = 4, 2.0
WAN_LAYERS = {  # ours: diffusers'
    "blocks.1.self_attn.q": "blocks.1.attn1.to_q",
    "blocks.0.self_attn.o": "blocks.0.attn1.to_out.0",
    "blocks.1.cross_attn.k_img": "blocks.1.attn2.add_k_proj",
    "blocks.0.ffn.0": "blocks.0.ffn.net.0.proj",
    "blocks.1.ffn.2": "blocks.1.ffn.net.2",
}
COG_LAYERS = {
    "blocks.1.attn.q": "transformer_blocks.1.attn1.to_q",
    "blocks.0.attn.o": "transformer_blocks.0.attn1.to_out.0",
    "blocks.1.ffn.0": "transformer_blocks.1.ff.net.0.proj",
    "blocks.0.norm2.linear": "transformer_blocks.0.norm2.linear",
}
COMFY = {"attn.q": "q", "attn.o": "attn_out", "ffn.0": "ff_proj"}


def under(layer):
    return layer.replace(".", "_")


#: name -> (layers, how a layer is written, endings of down and up, whether alpha is written)
FORMS = {
    "comfy lora_A": (WAN_LAYERS, lambda ours, theirs: f"diffusion_model.{ours}", "lora_A lora_B", False),
    "comfy lora_down": (
        WAN_LAYERS,
        lambda ours, theirs: f"diffusion_model.{ours}",
        "lora_down lora_up",
        True,
    ),
    "kohya": (WAN_LAYERS, lambda ours, theirs: f"lora_unet_{under(ours)}", "lora_down lora_up", True),
    "fun": (WAN_LAYERS, lambda ours, theirs: f"lora_unet__{under(ours)}", "lora_down lora_up", True),
    "hybrid": (
        WAN_LAYERS,
        lambda ours, theirs: "lora_unet_" + ours.replace(".", "_", 1),
        "lora_down lora_up",
        True,
    ),
    "diffusers": (WAN_LAYERS, lambda ours, theirs: f"transformer.{theirs}", "lora_A lora_B", False),
    "diffsynth": (WAN_LAYERS, lambda ours, theirs: ours, "lora_A.default lora_B.default", False),
    "diffsynth pipe": (
        WAN_LAYERS,
        lambda ours, theirs: f"pipe.dit.{ours}",
        "lora_A.default lora_B.default",
        False,
    ),
    "peft": (WAN_LAYERS, lambda ours, theirs: f"base_model.model.{ours}", "lora_A lora_B", True),
    "lycoris": (WAN_LAYERS, lambda ours, theirs: f"lycoris_{under(ours)}", "lora_down lora_up", True),
    "cog diffusers": (COG_LAYERS, lambda ours, theirs: f"transformer.{theirs}", "lora_A lora_B", False),
    "cog kohya": (COG_LAYERS, lambda ours, theirs: f"lora_unet__{under(theirs)}", "lora_down lora_up", True),
    "cog comfy": (
        {k: v for k, v in COG_LAYERS.items() if "norm" not in k},
        lambda ours, theirs: "diffusion_model.blocks." + ours[7] + "." + COMFY[ours[9:]],
        "lora_A lora_B",
        False,
    ),
}


def network(layers):
    torch.manual_seed(0)
    model = (
        CogVideoXTransformer(COG)
        if layers is COG_LAYERS or "blocks.1.attn.q" in layers
        else WanTransformer(WAN)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    return model.eval()


def factors(weight, seed):
    rng = torch.Generator().manual_seed(seed)
    down = torch.randn(RANK, weight.shape[1], generator=rng)
    return down, torch.randn(weight.shape[0], RANK, generator=rng)


def run(model):
    torch.manual_seed(1)
    config = model.config
    x, text = torch.randn(1, config.in_channels, 2, 4, 4), torch.randn(1, config.text_len, config.text_dim)
    image = torch.randn(1, 257, config.image_dim) if getattr(config, "has_image_branch", False) else None
    with torch.no_grad():
        return model(x, torch.tensor([500.0]), text, *([image] if image is not None else []))


def check(path, model, expected):
    """`expected`: parameter -> its changed value. Merged, live at half strength, and removed without a trace."""
    lora = read_lora(path)
    assert not lora.unmatched
    assert lora.changes.keys() == expected.keys()
    before = {name: model.get_parameter(name).clone() for name in expected}
    plain = run(model)
    kept = merge(model, {name: [(change, 1.0)] for name, change in lora.changes.items()})
    for name, value in expected.items():
        assert (model.get_parameter(name) - value).abs().max() < 1e-5, name
    unmerge(model, kept)
    for name, value in before.items():
        assert torch.equal(model.get_parameter(name), value), name
    half = {name: [(change, 0.5)] for name, change in lora.changes.items()}
    kept = merge(model, half)
    merged = run(model)
    unmerge(model, kept)
    with live(model, half):
        assert (run(model) - merged).abs().max() < 1e-5 * merged.abs().max().clamp_min(1.0)
    assert torch.equal(run(model), plain)
    assert (merged - plain).abs().max() > 1e-3
    return lora


@pytest.mark.parametrize("form", FORMS)
def test_low_rank_forms(tmp_path, form):
    layers, written, endings, has_alpha = FORMS[form]
    model, content, expected = network(layers), {}, {}
    for seed, (ours, theirs) in enumerate(layers.items()):
        weight = model.get_submodule(ours).weight
        down, up = factors(weight, seed)
        name = written(ours, theirs)
        content |= {
            f"{name}.{ending}.weight": v for ending, v in zip(endings.split(), (down, up), strict=True)
        }
        if has_alpha:
            content[f"{name}.alpha"] = torch.tensor(ALPHA)
        expected[f"{ours}.weight"] = weight.detach() + (ALPHA / RANK if has_alpha else 1.0) * up @ down
    save_file(content, tmp_path / "style.safetensors")
    lora = check(tmp_path / "style.safetensors", model, expected)
    family = "CogVideoX" if form.startswith("cog") else "Wan"
    assert f"for {family}: changes {len(expected)}; unknown keys 0" in str(lora)


def test_rank_stabilised_scale(tmp_path):
    model, layer = network(WAN_LAYERS), "blocks.0.ffn.0"
    weight = model.get_submodule(layer).weight
    down, up = factors(weight, 0)
    content = {
        f"{layer}.lora_A.weight": down,
        f"{layer}.lora_B.weight": up,
        f"{layer}.alpha": torch.tensor(ALPHA),
    }
    save_file(content, tmp_path / "rs.safetensors", metadata={"use_rslora": "True"})
    check(tmp_path / "rs.safetensors", model, {f"{layer}.weight": weight.detach() + ALPHA / 2.0 * up @ down})


def test_sat_fused_q_k_v(tmp_path):
    model, content, expected = network(COG_LAYERS), {}, {}
    sat = "model.diffusion_model.transformer.layers.1.attention"
    for index, name in enumerate("qkv"):
        weight = model.get_submodule(f"blocks.1.attn.{name}").weight
        down, up = factors(weight, index)
        content |= {
            f"{sat}.query_key_value.matrix_A.{index}": down,
            f"{sat}.query_key_value.matrix_B.{index}": up,
        }
        expected[f"blocks.1.attn.{name}.weight"] = weight.detach() + up @ down / RANK
    weight = model.blocks[1].attn.o.weight
    down, up = factors(weight, 9)
    content |= {f"{sat}.dense.matrix_A.0": down, f"{sat}.dense.matrix_B.0": up}
    expected["blocks.1.attn.o.weight"] = weight.detach() + up @ down / RANK
    torch.save({"module": content}, tmp_path / "sat.pt")
    check(tmp_path / "sat.pt", model, expected)


def test_lycoris_loha_and_lokr(tmp_path):
    model, rng = network(WAN_LAYERS), torch.Generator().manual_seed(3)
    ffn, q, o = (
        model.get_submodule(name).weight
        for name in ("blocks.0.ffn.0", "blocks.1.self_attn.q", "blocks.0.self_attn.o")
    )

    def random(*shape):
        return 0.3 * torch.randn(shape, generator=rng)

    (out, inside), dim = ffn.shape, q.shape[0]
    a, b, c, d = random(out, RANK), random(RANK, inside), random(out, RANK), random(RANK, inside)
    whole, left, right = random(4, 4), random(dim // 4, RANK), random(RANK, dim // 4)
    small, large = random(2, 2), random(dim // 2, dim // 2)
    content = {
        **{
            f"lycoris_blocks_0_ffn_0.hada_{n}": v
            for n, v in zip(("w1_a", "w1_b", "w2_a", "w2_b"), (a, b, c, d), strict=True)
        },
        "lycoris_blocks_0_ffn_0.alpha": torch.tensor(ALPHA),
        "lycoris_blocks_1_self_attn_q.lokr_w1": whole,
        "lycoris_blocks_1_self_attn_q.lokr_w2_a": left,
        "lycoris_blocks_1_self_attn_q.lokr_w2_b": right,
        "lycoris_blocks_1_self_attn_q.alpha": torch.tensor(ALPHA),
        "lycoris_blocks_0_self_attn_o.lokr_w1": small,
        "lycoris_blocks_0_self_attn_o.lokr_w2": large,
        "lycoris_blocks_0_self_attn_o.alpha": torch.tensor(1e10),
    }
    save_file(content, tmp_path / "lyco.safetensors")
    expected = {
        "blocks.0.ffn.0.weight": ffn.detach() + ALPHA / RANK * (a @ b) * (c @ d),
        "blocks.1.self_attn.q.weight": q.detach() + ALPHA / RANK * torch.kron(whole, left @ right),
        "blocks.0.self_attn.o.weight": o.detach() + torch.kron(small, large),
    }
    check(tmp_path / "lyco.safetensors", model, expected)


def test_full_differences_of_weight_bias_norm_and_modulation(tmp_path):
    model = network(WAN_LAYERS)
    names = {
        "diffusion_model.blocks.0.ffn.2.diff": "blocks.0.ffn.2.weight",
        "diffusion_model.blocks.0.ffn.2.diff_b": "blocks.0.ffn.2.bias",
        "diffusion_model.blocks.1.self_attn.norm_q.diff": "blocks.1.self_attn.norm_q.weight",
        "diffusion_model.blocks.1.diff_m": "blocks.1.modulation",
        "diffusion_model.patch_embedding.diff": "patch_embedding.weight",
    }
    differences = {key: 0.1 * torch.randn_like(model.get_parameter(name)) for key, name in names.items()}
    save_file(differences, tmp_path / "diff.safetensors")
    expected = {name: model.get_parameter(name).detach() + differences[key] for key, name in names.items()}
    check(tmp_path / "diff.safetensors", model, expected)


@pytest.mark.parametrize("layer", ["blocks.0.ffn.0", "blocks.0.self_attn.o"], ids=["oblong", "square"])
@pytest.mark.parametrize("by_output", [True, False])
def test_dora(tmp_path, layer, by_output):
    model = network(WAN_LAYERS)
    weight = model.get_submodule(layer).weight.detach()
    down, up = factors(weight, 5)
    magnitude = torch.rand(weight.shape[0] if by_output else weight.shape[1]) + 0.5
    content = {
        f"diffusion_model.{layer}.lora_A.weight": down,
        f"diffusion_model.{layer}.lora_B.weight": up,
        f"diffusion_model.{layer}.dora_scale": magnitude[:, None] if by_output else magnitude[None],
    }
    save_file(content, tmp_path / "dora.safetensors")
    turned = weight + up @ down
    axis = 1 if by_output else 0
    expected = (
        turned / turned.norm(dim=axis, keepdim=True) * (magnitude[:, None] if by_output else magnitude[None])
    )
    check(tmp_path / "dora.safetensors", model, {f"{layer}.weight": expected})


def test_one_file_for_two_experts(tmp_path):
    model, content = network(WAN_LAYERS), {}
    for seed, part in enumerate(("transformer", "transformer_2")):
        down, up = factors(model.blocks[0].ffn[0].weight, seed)
        content |= {
            f"{part}.blocks.0.ffn.net.0.proj.lora_A.weight": down,
            f"{part}.blocks.0.ffn.net.0.proj.lora_B.weight": up,
        }
    save_file(content, tmp_path / "two.safetensors")
    lora = read_lora(tmp_path / "two.safetensors")
    assert not lora.changes
    down = {name: part["blocks.0.ffn.0.weight"].down for name, part in lora.by_expert.items()}
    assert torch.equal(down["high"], content["transformer.blocks.0.ffn.net.0.proj.lora_A.weight"])
    assert torch.equal(down["low"], content["transformer_2.blocks.0.ffn.net.0.proj.lora_A.weight"])


def test_a_file_for_the_low_noise_expert_acts_on_it_only(tmp_path):
    model = network(WAN_LAYERS)
    down, up = factors(model.blocks[0].ffn[0].weight, 0)
    layer = "transformer_2.blocks.0.ffn.net.0.proj"
    save_file({f"{layer}.lora_A.weight": down, f"{layer}.lora_B.weight": up}, tmp_path / "low.safetensors")
    lora = read_lora(tmp_path / "low.safetensors")
    assert (lora.changes.keys(), lora.by_expert.keys()) == (set(), {"low"})
    assert describe(tmp_path / "low.safetensors")["experts"] == ["low"]
    assert not changes_to(model, [LoraUse(lora)], "high")
    ((change, strength),) = changes_to(model, [LoraUse(lora, 0.5)], "low")["blocks.0.ffn.0.weight"]
    assert torch.equal(change.up, up)
    assert strength == 0.5
    with pytest.raises(
        ValueError, match=r"^lora low\.safetensors: none of the weights it changes is in this rel"
    ):
        changes_to(model, [LoraUse(lora)])


def test_several_at_once_add_up_and_strengths_are_free(tmp_path):
    model, layer = network(WAN_LAYERS), "blocks.0.ffn.0.weight"
    loras = []
    for seed in (0, 1):
        down, up = factors(model.get_parameter(layer), seed)
        save_file(
            {"blocks.0.ffn.0.lora_A.weight": down, "blocks.0.ffn.0.lora_B.weight": up},
            tmp_path / f"{seed}.safetensors",
        )
        loras.append(read_lora(tmp_path / f"{seed}.safetensors").changes[layer])
    before = model.get_parameter(layer).detach().clone()
    kept = merge(model, {layer: [(loras[0], 0.7), (loras[1], -0.2)]})
    expected = before + 0.7 * loras[0].up @ loras[0].down - 0.2 * loras[1].up @ loras[1].down
    assert (model.get_parameter(layer) - expected).abs().max() < 1e-5
    unmerge(model, kept)
    assert torch.equal(model.get_parameter(layer), before)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "a text encoder"),
        ("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", "Flux"),
        ("lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight", "Stable Diffusion"),
        ("something.lora_A.weight", "another model"),
    ],
)
def test_a_file_for_another_model_says_what_it_seems_to_be_for(tmp_path, key, words):
    save_file({key: torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=rf"other\.safetensors: no key fits .* seems to be for {words}"):
        read_lora(tmp_path / "other.safetensors")


DOWN, UP = (f"diffusion_model.blocks.0.ffn.0.{name}.weight" for name in ("lora_A", "lora_B"))
PAIR = {DOWN: torch.zeros(2, 48), UP: torch.zeros(64, 2)}


@pytest.mark.parametrize(
    "content",
    [
        {UP: PAIR[UP]},
        {"lycoris_blocks_0_ffn_0.hada_w1_a": torch.zeros(2, 2)},
        PAIR | {DOWN.replace("lora_A.weight", "alpha"): torch.zeros(3)},
        {
            DOWN: torch.zeros(0, 48),
            UP: torch.zeros(64, 0),
            DOWN.replace("lora_A.weight", "alpha"): torch.ones(()),
        },
    ],
    ids=["no down", "half a LoHa", "three alphas", "rank 0"],
)
def test_a_damaged_change_is_one_clear_error(tmp_path, content):
    save_file(content, tmp_path / "style.safetensors")
    with pytest.raises(ValueError, match=r"style\.safetensors: the change of .* is cut short or damaged"):
        describe(tmp_path / "style.safetensors")


@pytest.mark.parametrize(
    "settings",
    [
        b"[" * 100_000,
        b"[1]",
        b'{"alpha_pattern": [1]}',
        b'{"lora_alpha": "x"}',
        b'{"lora_alpha": NaN}',
        b"\xff",
    ],
    ids=["deep", "list", "patterns", "word", "NaN", "bytes"],
)
def test_damaged_adapter_settings_are_one_clear_error(tmp_path, settings):
    save_file(PAIR, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_bytes(settings)
    with pytest.raises(ValueError, match="adapter settings") as raised:
        describe(tmp_path / "adapter_model.safetensors")
    assert "\n" not in str(raised.value)
    inside = {"lora_adapter_metadata": settings.decode(errors="replace")}
    save_file(PAIR, tmp_path / "style.safetensors", metadata=inside)
    with pytest.raises(ValueError, match="adapter settings"):
        describe(tmp_path / "style.safetensors")


def test_a_down_without_its_up_is_counted_as_unknown(tmp_path):
    save_file(PAIR | {DOWN.replace("0.ffn", "1.ffn"): torch.zeros(2, 48)}, tmp_path / "style.safetensors")
    said = str(read_lora(tmp_path / "style.safetensors"))
    assert said.endswith(f"for Wan: changes 1; unknown keys 1: {DOWN.replace('0.ffn', '1.ffn')}")


@pytest.mark.parametrize("shapes", [((2, 48), (64, 3)), ((2, 1536), (8960, 2))], ids=["ranks", "size"])
def test_a_lora_of_another_size_is_refused_before_it_acts(tmp_path, shapes):
    content = dict(zip((DOWN, UP), map(torch.zeros, shapes), strict=True))
    save_file(content, tmp_path / "style.safetensors")
    lora = read_lora(tmp_path / "style.safetensors")
    with pytest.raises(
        ValueError,
        match=r"style\.safetensors: the change of blocks\.0\.ffn\.0\.weight does not have the shape",
    ):
        changes_to(network(WAN_LAYERS), [LoraUse(lora)])


def test_unknown_keys_are_counted(tmp_path):
    content = {
        "diffusion_model.blocks.0.ffn.0.lora_A.weight": torch.zeros(2, 48),
        "diffusion_model.blocks.0.ffn.0.lora_B.weight": torch.zeros(64, 2),
        "diffusion_model.blocks.0.adapter.lora_A.weight": torch.zeros(2, 48),
    }
    save_file(content, tmp_path / "odd.safetensors")
    assert "changes 1; unknown keys 1: diffusion_model.blocks.0.adapter" in str(
        read_lora(tmp_path / "odd.safetensors")
    )


def test_inspect_says_what_a_lora_is_for(tmp_path):
    content = {
        "diffusion_model.blocks.0.ffn.0.lora_A.weight": torch.zeros(2, 48),
        "diffusion_model.blocks.0.ffn.0.lora_B.weight": torch.zeros(64, 2),
    }
    save_file(content, tmp_path / "style.safetensors")
    facts = describe(tmp_path / "style.safetensors")
    assert facts["family"] == "LoRA for Wan"
    assert facts["fit"] == "style.safetensors, for Wan: changes 1; unknown keys 0"
