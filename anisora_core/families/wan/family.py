"""What is Wan's own: how its files are recognised and named, how its releases predict and sample, how its LoRAs are named."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import ClassVar

from ...diffusion.prediction import Flow
from ...diffusion.schedules import flow_sigmas
from ...domain.file_kind import FileForms, FileKind, Network, Shapes, count, with_first_sides
from ...domain.release import Release
from ...domain.text_rules import WAN_TEXT
from ..interface import BlockMemory, Family, LoraNames, VideoTransformer
from .config import MINI, WAN21_I2V_14B, WAN21_VAE, WAN22_I2V_A14B, WAN22_VAE, WanConfig, WanVAEConfig
from .keymaps import WAN21_VAE_FROM_DIFFUSERS, WAN22_VAE_FROM_DIFFUSERS, WAN_FROM_DIFFUSERS
from .memory import WanMemory
from .releases import RELEASES
from .transformer import WanTransformer
from .vae import WanVAE


def transformer_config(shapes: Shapes) -> WanConfig:
    """Heads are 128 wide in every published model."""
    dim, in_channels, *patch = shapes["patch_embedding.weight"]
    has_image_branch = "img_emb.proj.1.weight" in shapes
    return WanConfig(
        dim=dim,
        ffn_dim=shapes["blocks.0.ffn.0.weight"][0],
        num_layers=count(shapes, "blocks.", ".self_attn.q.weight"),
        num_heads=max(1, dim // 128),
        in_channels=in_channels,
        out_channels=shapes["head.head.weight"][0] // (patch[0] * patch[1] * patch[2]),
        patch_size=(patch[0], patch[1], patch[2]),
        freq_dim=shapes["time_embedding.0.weight"][1],
        text_dim=shapes["text_embedding.0.weight"][1],
        image_dim=shapes["img_emb.proj.1.weight"][1] if has_image_branch else WanConfig.image_dim,
        has_image_branch=has_image_branch,
    )


def completed(shapes: Shapes) -> Shapes:
    """The kernel of the patch embedding is (1, 2, 2) in every published model."""
    found = with_first_sides(shapes)
    dim, *rest = found.get("patch_embedding.weight", (0,))
    kernel = WanConfig.patch_size
    if len(rest) != 4 and rest and prod(rest) % prod(kernel) == 0:
        found["patch_embedding.weight"] = (dim, prod(rest) // prod(kernel), *kernel)
    return found


def vae_config(shapes: Shapes) -> WanVAEConfig:
    """Levels and latent statistics are those of the two published VAEs; widths are the file's."""
    known = WAN22_VAE if shapes["conv2.weight"][0] == WAN22_VAE.channels else WAN21_VAE
    encoder_dim, decoder_dim = shapes["encoder.conv1.weight"][0], shapes["decoder.head.0.gamma"][0]
    return replace(known, encoder_dim=encoder_dim, decoder_dim=decoder_dim)


def vae_forms(config: WanVAEConfig, forms: FileForms) -> FileForms:
    """Wan 2.2's has other names in diffusers."""
    return {**forms, "diffusers": ("", WAN22_VAE_FROM_DIFFUSERS)} if config.residual_shortcuts else forms


_TRANSFORMER = Network(
    WanTransformer,
    transformer_config,
    completed=completed,
    forms={
        "official": ("", None),
        "comfyui": ("model.diffusion_model.", None),
        "diffusers": ("", WAN_FROM_DIFFUSERS),
    },
)
_VAE = Network(
    WanVAE,
    vae_config,
    completed=with_first_sides,
    forms={"official": ("", None), "comfyui": ("", None), "diffusers": ("", WAN21_VAE_FROM_DIFFUSERS)},
    adapted=vae_forms,
)


class Wan(Family):
    name = "wan"
    title = "Wan"
    order = 1
    transformer = WanTransformer
    vae = WanVAE
    telling_parameters = ("head.head.weight", "blocks.0.self_attn.q.weight")
    text_rules = WAN_TEXT
    releases = RELEASES
    vae_name = "Wan 2.1's"
    host_latent_format = "Wan21"
    is_native_to_host = True
    file_kinds: ClassVar[tuple[FileKind, ...]] = (
        FileKind(
            "Wan transformer with image branch",
            ("patch_embedding.weight", "blocks.0.cross_attn.k_img.weight"),
            _TRANSFORMER,
        ),
        FileKind(
            "Wan transformer",
            ("patch_embedding.weight", "blocks.0.self_attn.q.weight"),
            _TRANSFORMER,
            lacks=("blocks.0.cross_attn.k_img.weight",),
        ),
        FileKind(
            "Wan transformer (diffusers)",
            ("patch_embedding.weight", "condition_embedder.time_proj.weight"),
            _TRANSFORMER,
            table=WAN_FROM_DIFFUSERS,
        ),
        FileKind("Wan VAE", ("encoder.conv1.weight", "decoder.head.0.gamma"), _VAE),
        FileKind(
            "Wan VAE (diffusers)",
            ("encoder.mid_block.resnets.0.norm1.gamma", "decoder.up_blocks.0.upsamplers.0.time_conv.weight"),
            _VAE,
            table=WAN21_VAE_FROM_DIFFUSERS,
        ),
        FileKind(
            "Wan 2.2 VAE (diffusers)",
            ("encoder.mid_block.resnets.0.norm1.gamma", "decoder.up_blocks.0.upsampler.time_conv.weight"),
            _VAE,
            table=WAN22_VAE_FROM_DIFFUSERS,
        ),
    )
    lora: ClassVar[LoraNames] = LoraNames(
        tables=(WAN_FROM_DIFFUSERS,),
        forms={
            "comfyui": ("diffusion_model.", None),
            "kohya": ("lora_unet_", None),
            "diffusers": ("transformer.", WAN_FROM_DIFFUSERS),
            "peft": ("base_model.model.", None),
        },
        trained_as="kohya",  # ComfyUI, diffusers and musubi-tuner read these names as they are
        architecture="wan-2.1-i2v/lora",
    )

    def takes(self, release: Release, transformer: VideoTransformer) -> bool:
        """One that reads noise, a guide and a mask: text-to-video models read noise only."""
        config: WanConfig = transformer.config
        reads = config.in_channels == 2 * config.out_channels + release.grid.frames_per_latent
        return reads and config.has_image_branch == release.has_clip_vision

    def prediction(self, release: Release, steps: int) -> Flow:
        return Flow(truncate_timestep=release.truncate_timestep)

    def sigmas(self, steps: int, shift: float, start: float) -> tuple[float, ...]:
        return flow_sigmas(steps, shift, start=start)

    def block_memory(self, release: Release) -> BlockMemory:
        if release.folder:
            return WanMemory(MINI)
        return WanMemory(WAN22_I2V_A14B if release.boundary is not None else WAN21_I2V_14B)


FAMILY = Wan()
