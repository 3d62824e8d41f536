"""What is CogVideoX's own: how its files are recognised and named, how its releases predict and sample, how its LoRAs are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import ClassVar

from ...diffusion.prediction import Velocity
from ...diffusion.schedules import cogvideox_sigmas
from ...domain.file_kind import FileKind, Network, Shapes, count, with_first_sides
from ...domain.protocols import AttentionLayer
from ...domain.release import Release
from ...domain.text_rules import V1_TEXT
from ..interface import Family, LoraNames, VideoTransformer, VideoVAE
from .config import V1_VAE, CogVideoXConfig, CogVideoXVAEConfig
from .keymaps import (
    COGVIDEOX_FROM_COMFY,
    COGVIDEOX_FROM_DIFFUSERS,
    COGVIDEOX_FROM_SAT,
    COGVIDEOX_SAT_IGNORED,
    COGVIDEOX_VAE_FROM_DIFFUSERS,
)
from .releases import RELEASES
from .transformer import CogVideoXTransformer, JointAttention
from .vae import CogVideoXVAE

#: SAT puts its LoRA into the attention only.
_SAT_ATTENTION = {theirs: ours for theirs, ours in COGVIDEOX_FROM_SAT.items() if ".attention." in theirs}


def transformer_config(shapes: Shapes) -> CogVideoXConfig:
    """Heads are as wide as the norms inside them."""
    dim, in_channels, patch, _ = shapes["patch_embedding.weight"]
    return CogVideoXConfig(
        dim=dim,
        ffn_dim=shapes["blocks.0.ffn.0.weight"][0],
        num_layers=count(shapes, "blocks.", ".attn.q.weight"),
        num_heads=dim // shapes["blocks.0.attn.norm_q.weight"][0],
        in_channels=in_channels,
        out_channels=shapes["head.proj.weight"][0] // patch**2,
        patch_size=patch,
        time_dim=shapes["time_embedding.2.weight"][0],
        text_dim=shapes["text_embedding.weight"][1],
        learned_positions=shapes["positions"][1] if "positions" in shapes else 0,
    )


def completed(shapes: Shapes) -> Shapes:
    """The kernel of the patch embedding is (2, 2), and learned positions are of one clip."""
    found = with_first_sides(shapes)
    dim, *rest = found.get("patch_embedding.weight", (0,))
    side = CogVideoXConfig.patch_size
    if len(rest) != 3 and rest and prod(rest) % side**2 == 0:
        found["patch_embedding.weight"] = (dim, prod(rest) // side**2, side, side)
    if len(found.get("positions", ())) == 2:
        found["positions"] = (1, *found["positions"])
    return found


def vae_config(shapes: Shapes) -> CogVideoXVAEConfig:
    return replace(V1_VAE, dim=shapes["encoder.conv_in.conv.weight"][0])


_TRANSFORMER = Network(
    CogVideoXTransformer,
    transformer_config,
    completed=completed,
    forms={
        "sat": ("model.diffusion_model.", COGVIDEOX_FROM_SAT),
        "comfyui": ("model.diffusion_model.", COGVIDEOX_FROM_COMFY),
        "diffusers": ("", COGVIDEOX_FROM_DIFFUSERS),
    },
)
_DIFFUSERS_VAE = ("", COGVIDEOX_VAE_FROM_DIFFUSERS)  # ComfyUI's has the same names
_VAE = Network(
    CogVideoXVAE,
    vae_config,
    forms={"sat": ("", None), "comfyui": _DIFFUSERS_VAE, "diffusers": _DIFFUSERS_VAE},
)


class CogVideoX(Family):
    name = "cogvideox"
    title = "CogVideoX"
    order = 2
    transformer = CogVideoXTransformer
    vae = CogVideoXVAE
    telling_parameters = ("head.proj.weight", "blocks.0.attn.q.weight")
    text_rules = V1_TEXT
    releases = RELEASES
    vae_name = "CogVideoX's"
    file_kinds: ClassVar[tuple[FileKind, ...]] = (
        FileKind(
            "CogVideoX transformer (SAT)",
            ("mixins.patch_embed.text_proj.weight",),
            _TRANSFORMER,
            table=COGVIDEOX_FROM_SAT,
            ignored=COGVIDEOX_SAT_IGNORED,
        ),
        FileKind(
            "CogVideoX transformer (diffusers)",
            ("patch_embed.text_proj.weight", "transformer_blocks.0.attn1.to_q.weight"),
            _TRANSFORMER,
            table=COGVIDEOX_FROM_DIFFUSERS,
        ),
        FileKind(
            "CogVideoX transformer (ComfyUI)",
            ("patch_embed.text_proj.weight", "blocks.0.ff_proj.weight"),
            _TRANSFORMER,
            table=COGVIDEOX_FROM_COMFY,
        ),
        FileKind(
            "CogVideoX VAE (SAT)",
            ("encoder.mid.block_1.norm1.weight", "decoder.norm_out.conv_y.conv.weight"),
            _VAE,
            ignored=("loss.",),
        ),
        FileKind(
            "CogVideoX VAE (diffusers)",
            ("encoder.mid_block.resnets.0.norm1.weight", "decoder.norm_out.conv_y.conv.weight"),
            _VAE,
            table=COGVIDEOX_VAE_FROM_DIFFUSERS,
        ),
    )
    lora: ClassVar[LoraNames] = LoraNames(
        tables=(COGVIDEOX_FROM_DIFFUSERS, COGVIDEOX_FROM_SAT, COGVIDEOX_FROM_COMFY),
        forms={
            "comfyui": ("diffusion_model.", COGVIDEOX_FROM_COMFY),
            "kohya": ("lora_unet__", COGVIDEOX_FROM_DIFFUSERS),
            "diffusers": ("transformer.", COGVIDEOX_FROM_DIFFUSERS),
            "peft": ("base_model.model.", COGVIDEOX_FROM_DIFFUSERS),
            "sat": ("model.diffusion_model.", _SAT_ATTENTION),
        },
        trained_as="comfyui",
        architecture="cogvideox-5b-i2v/lora",
    )

    def takes(self, release: Release, transformer: VideoTransformer) -> bool:
        """One that reads noise and a guide: text-to-video models read noise only."""
        config: CogVideoXConfig = transformer.config
        return config.in_channels == 2 * config.out_channels

    def prediction(self, release: Release, steps: int) -> Velocity:
        return Velocity(steps)

    def sigmas(self, steps: int, shift: float, start: float) -> tuple[float, ...]:
        """Its trained steps decide; it knows neither shift nor another start."""
        return cogvideox_sigmas(steps)

    def prepared_vae(self, vae: VideoVAE, release: Release) -> VideoVAE:
        if release.decodes_whole:
            vae.config = replace(vae.config, latents_per_run=None)
        return vae

    def cacheable_attention(self, transformer: VideoTransformer) -> Sequence[AttentionLayer]:
        return [layer for layer in transformer.modules() if isinstance(layer, JointAttention)]


FAMILY = CogVideoX()
