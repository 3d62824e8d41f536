"""What is its own, and its one release."""

from __future__ import annotations

from typing import ClassVar

from ...diffusion.prediction import Flow
from ...diffusion.schedules import flow_sigmas
from ...domain.file_kind import FileKind, Network, Shapes, count
from ...domain.release import PromptTail, Release, WeightFile
from ...domain.text_rules import V1_TEXT
from ..interface import Family, LoraNames, VideoTransformer
from .config import PixelConfig, PixelVAEConfig
from .keymaps import PIXEL_FROM_OTHERS
from .transformer import PixelTransformer
from .vae import PixelVAE


def transformer_config(shapes: Shapes) -> PixelConfig:
    dim, in_channels = shapes["pixel_embedding.weight"]
    return PixelConfig(
        dim=dim,
        num_layers=count(shapes, "blocks.", ".up.weight"),
        in_channels=in_channels,
        out_channels=shapes["pixel_head.weight"][0],
        text_dim=shapes["caption_embedding.weight"][1],
    )


def vae_config(shapes: Shapes) -> PixelVAEConfig:
    return PixelVAEConfig(channels=shapes["encoder.weight"][0] // 2)


_OWN, _OTHERS = ("", None), ("", PIXEL_FROM_OTHERS)
_TRANSFORMER = Network(PixelTransformer, transformer_config, forms={"official": _OWN, "others": _OTHERS})
_VAE = Network(PixelVAE, vae_config, forms={"official": _OWN})


class Pixels(Family):
    name = "third"
    title = "Pixels"
    order = 3
    transformer = PixelTransformer
    vae = PixelVAE
    telling_parameters = ("pixel_head.weight",)
    text_rules = V1_TEXT
    vae_name = "that of strides"
    file_kinds: ClassVar[tuple[FileKind, ...]] = (
        FileKind("Pixels transformer", ("pixel_embedding.weight",), _TRANSFORMER),
        FileKind(
            "Pixels transformer (others)",
            ("embed.weight", "layers.0.fc1.weight"),
            _TRANSFORMER,
            table=PIXEL_FROM_OTHERS,
        ),
        FileKind("Pixels VAE", ("encoder.weight", "decoder.0.weight"), _VAE),
    )
    lora: ClassVar[LoraNames] = LoraNames(
        tables=(PIXEL_FROM_OTHERS,),
        forms={"comfyui": ("diffusion_model.", None), "kohya": ("lora_unet_", None)},
        trained_as="kohya",
        architecture="pixels/lora",
    )
    releases = (
        Release(
            name="Pixels 1",
            title="Pixels 1",
            family="third",
            steps=3,
            sampler="euler",
            shift=2.0,
            cfg_scale=2.0,
            fps=8.0,
            num_frames=9,
            sizes=((48, 48),),
            key_multiple=4,
            motion_method="condition",
            prompt_tail=PromptTail(ends_sentence=True),
            motion_score=1.0,
            motion_range=(0.0, 2.0),
            negative_prompt="",
            files=(
                WeightFile("transformer", "diffusion_models", "https://example.org/pixels.safetensors", 0.1),
                WeightFile("vae", "vae", "https://example.org/pixels_vae.safetensors", 0.1),
                WeightFile("text_encoder", "text_encoders", "https://example.org/t5xxl.safetensors", 0.1),
            ),
        ),
    )

    def takes(self, release: Release, transformer: VideoTransformer) -> bool:
        config: PixelConfig = transformer.config
        return config.in_channels == 2 * config.out_channels + release.grid.frames_per_latent

    def prediction(self, release: Release, steps: int) -> Flow:
        return Flow()

    def sigmas(self, steps: int, shift: float, start: float) -> tuple[float, ...]:
        return flow_sigmas(steps, shift, start=start)


FAMILY = Pixels()
