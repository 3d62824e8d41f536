"""Networks of every published layout, tiny and random, in a models folder as ComfyUI's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from comfyui_anisora.anisora_core.domain.keymap import inverted, rename, to_theirs
from comfyui_anisora.anisora_core.encoders.clip import ClipShape, clip_vision
from comfyui_anisora.anisora_core.encoders.keymaps import UMT5_FROM_WAN
from comfyui_anisora.anisora_core.encoders.t5 import T5Shape, t5_encoder
from comfyui_anisora.anisora_core.families.cogvideox.config import V1_I2V_5B, V1_VAE
from comfyui_anisora.anisora_core.families.cogvideox.keymaps import COGVIDEOX_FROM_SAT
from comfyui_anisora.anisora_core.families.cogvideox.transformer import CogVideoXTransformer
from comfyui_anisora.anisora_core.families.cogvideox.vae import CogVideoXVAE
from comfyui_anisora.anisora_core.families.wan.config import WAN21_I2V_14B, WAN21_VAE
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE
from comfyui_anisora.nodes.workflow import Node
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import Unigram

WAN = replace(WAN21_I2V_14B, dim=128, ffn_dim=64, num_layers=2, num_heads=1, text_dim=20, image_dim=80)
V1 = replace(V1_I2V_5B, dim=64, ffn_dim=64, num_layers=2, num_heads=1, time_dim=16, text_dim=20)
T5 = T5Shape(vocabulary=40, dim=20, ffn_dim=24, num_layers=2, num_heads=2, head_dim=6)
CLIP = ClipShape(dim=80, ffn_dim=96, num_layers=2, num_heads=1, tokens=5)


def random_weights(model: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {
        name: value + 0.05 * torch.randn(value.shape, generator=rng)
        for name, value in model.state_dict().items()
        if value.is_floating_point()
    }


def random_t5(shape: T5Shape) -> torch.nn.Module:
    model = t5_encoder(shape)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model.eval()


def named_by(model: torch.nn.Module, table: dict[str, str] | None = None) -> dict[str, torch.Tensor]:
    """Its weights under our names, or those of a table of foreign ones."""
    back = inverted(table) if table else None
    named = {(rename(k, back) if back else k): v.detach().clone() for k, v in model.named_parameters()}
    assert None not in named
    return named


def write_tokenizer(folder: Path) -> None:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((chr(97 + i), -3.0) for i in range(26))]
    Tokenizer(Unigram(pieces, 2)).save(str(folder / "tokenizer.json"))


def write_models(base: Path) -> None:
    """Each file in the layout, and where there is one under the name, it is published in."""
    for name in ("diffusion_models", "vae", "text_encoders", "clip_vision"):
        (base / name).mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    plain = replace(WAN, has_image_branch=False)
    save_file(random_weights(WanTransformer(WAN), 1), base / "diffusion_models" / "anisora_v3.1.safetensors")
    for seed, name in ((2, "anisora_v3.2_high_noise"), (3, "anisora_v3.2_low_noise")):
        save_file(
            random_weights(WanTransformer(plain), seed), base / "diffusion_models" / f"{name}.safetensors"
        )
    sat = to_theirs(random_weights(CogVideoXTransformer(V1), 4), COGVIDEOX_FROM_SAT)
    nested = {"module": {f"model.diffusion_model.{name}": value for name, value in sat.items()}}
    torch.save(nested, base / "diffusion_models" / "mp_rank_00_model_states.pt")
    wan_vae = WanVAE(replace(WAN21_VAE, encoder_dim=8, decoder_dim=8))
    save_file(random_weights(wan_vae, 5), base / "vae" / "wan_2.1_vae.safetensors")
    v1_vae = random_weights(CogVideoXVAE(replace(V1_VAE, dim=32)), 6)
    torch.save({"state_dict": v1_vae}, base / "vae" / "videokl_ch16_long_20w.pt")
    umt5 = random_weights(t5_encoder(replace(T5, bias_in_every_block=True)), 7)
    back = inverted(UMT5_FROM_WAN)
    wan_names = {rename(name, back): value for name, value in umt5.items() if rename(name, back)}
    torch.save(wan_names, base / "text_encoders" / "models_t5_umt5-xxl-enc-bf16.pth")
    t5 = random_weights(t5_encoder(T5), 8)
    t5.pop("encoder.embed_tokens.weight", None)
    save_file(t5, base / "text_encoders" / "t5xxl.safetensors")
    write_tokenizer(base / "text_encoders")
    clip = random_weights(clip_vision(CLIP), 9)
    save_file(
        {f"vision_model.{name}": value for name, value in clip.items()},
        base / "clip_vision" / "clip_vision_h.safetensors",
    )


def files_for(release: str, base: Path) -> dict[str, Path]:
    """Those of the files above that a release's networks are read from, by part."""
    wan = {
        "vae": "vae/wan_2.1_vae.safetensors",
        "text_encoder": "text_encoders/models_t5_umt5-xxl-enc-bf16.pth",
    }
    names = {
        "V1": {
            "transformer": "diffusion_models/mp_rank_00_model_states.pt",
            "vae": "vae/videokl_ch16_long_20w.pt",
            "text_encoder": "text_encoders/t5xxl.safetensors",
        },
        "V3.1": wan
        | {
            "transformer": "diffusion_models/anisora_v3.1.safetensors",
            "image_encoder": "clip_vision/clip_vision_h.safetensors",
        },
        "V3.2": wan
        | {
            "high_noise": "diffusion_models/anisora_v3.2_high_noise.safetensors",
            "low_noise": "diffusion_models/anisora_v3.2_low_noise.safetensors",
        },
    }[release]
    return {part: base / name for part, name in names.items()}


#: Inputs of AniSora Model Loader for the files above, by release.
NAMED = {
    "V1": {
        "transformer_file": "mp_rank_00_model_states.pt",
        "vae_file": "videokl_ch16_long_20w.pt",
        "text_encoder_file": "t5xxl.safetensors",
    },
    "V3.2": {
        "transformer_file": "anisora_v3.2_high_noise.safetensors",
        "low_noise_file": "anisora_v3.2_low_noise.safetensors",
        "text_encoder_file": "models_t5_umt5-xxl-enc-bf16.pth",
    },
}
WAN21 = {
    "transformer_file": "anisora_v3.1.safetensors",
    "text_encoder_file": "models_t5_umt5-xxl-enc-bf16.pth",
}


def name_models(nodes: dict[str, Node]) -> None:
    """Make a release's workflow use the files above, at a size for them and for the square drawings.

    33 frames have room for five keyframes. Mini's workflows stay as they are.
    """
    for node in nodes.values():
        release = node.inputs.get("release")
        if node.kind == "AniSoraModelLoader" and release != "mini":
            node.inputs.update(NAMED.get(str(release), WAN21))
            timeline = next(node for node in nodes.values() if node.kind == "AniSoraTimeline")
            timeline.inputs.update(width=48, height=48, length=33)
