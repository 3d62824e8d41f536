"""What weights are, from names and shapes alone; nothing of them is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from ..domain.keymap import Table, our_shapes
from ..domain.weights import Shape, Weights
from ..encoders.clip import ClipShape, clip_vision
from ..encoders.keymaps import CLIP_FROM_WAN, T5_FROM_GGUF, UMT5_FROM_WAN
from ..encoders.t5 import T5Shape, t5_encoder
from ..families.cogvideox.config import V1_VAE, CogVideoXConfig, CogVideoXVAEConfig
from ..families.cogvideox.keymaps import (
    COGVIDEOX_FROM_COMFY,
    COGVIDEOX_FROM_DIFFUSERS,
    COGVIDEOX_FROM_SAT,
    COGVIDEOX_SAT_IGNORED,
    COGVIDEOX_VAE_FROM_DIFFUSERS,
)
from ..families.cogvideox.transformer import CogVideoXTransformer
from ..families.cogvideox.vae import CogVideoXVAE
from ..families.wan.config import WAN21_VAE, WAN22_VAE, WanConfig, WanVAEConfig
from ..families.wan.keymaps import WAN21_VAE_FROM_DIFFUSERS, WAN22_VAE_FROM_DIFFUSERS, WAN_FROM_DIFFUSERS
from ..families.wan.transformer import WanTransformer
from ..families.wan.vae import WanVAE

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Shapes = Mapping[str, Shape]
Config = TypeVar("Config", bound="DataclassInstance")
#: Where our own files state the configuration that shapes alone do not tell (how wide heads are).
CONFIG_KEY = "anisora_config"
#: What published files put before the names of a network; the first under which a family fits counts.
PREFIXES = (
    "",
    "model.diffusion_model.",
    "diffusion_model.",
    "model.",
    "first_stage_model.",
    "vae.",
    "visual.",
    "vision_model.",
)


@dataclass(frozen=True)
class Network:
    """`build` takes the configuration that `config_of` finds in our names' shapes, and what to inject."""

    build: Callable[..., torch.nn.Module]
    config_of: Callable[[Shapes], Any]


@dataclass(frozen=True)
class Family:
    """Matches when all of `has` and none of `lacks` are among the names.

    `table` is None where the file's names are ours; `ignored` names (or their first parts) are no weights of the
    network; `network` is None for what is recognised but not loaded.
    """

    name: str
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    table: Table | None = None
    ignored: tuple[str, ...] = ()
    network: Network | None = None


def count(shapes: Shapes, before: str, after: str) -> int:
    """How many numbered blocks there are."""
    return sum(name.startswith(before) and name.endswith(after) for name in shapes)


def wan_config(shapes: Shapes) -> WanConfig:
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


def cogvideox_config(shapes: Shapes) -> CogVideoXConfig:
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


def wan_vae_config(shapes: Shapes) -> WanVAEConfig:
    """Levels and latent statistics are those of the two published VAEs; widths are the file's."""
    known = WAN22_VAE if shapes["conv2.weight"][0] == WAN22_VAE.channels else WAN21_VAE
    encoder_dim, decoder_dim = shapes["encoder.conv1.weight"][0], shapes["decoder.head.0.gamma"][0]
    return replace(known, encoder_dim=encoder_dim, decoder_dim=decoder_dim)


def cogvideox_vae_config(shapes: Shapes) -> CogVideoXVAEConfig:
    return replace(V1_VAE, dim=shapes["encoder.conv_in.conv.weight"][0])


def t5_config(shapes: Shapes) -> T5Shape:
    """umT5 has a position bias in every block, T5 in the first."""
    attention = "encoder.block.{}.layer.0.SelfAttention"
    buckets, num_heads = shapes[f"{attention.format(0)}.relative_attention_bias.weight"]
    vocabulary, dim = shapes["shared.weight"]
    return T5Shape(
        vocabulary=vocabulary,
        dim=dim,
        ffn_dim=shapes["encoder.block.0.layer.1.DenseReluDense.wi_0.weight"][0],
        num_layers=count(shapes, "encoder.block.", ".SelfAttention.q.weight"),
        num_heads=num_heads,
        head_dim=shapes[f"{attention.format(0)}.q.weight"][0] // num_heads,
        buckets=buckets,
        bias_in_every_block=f"{attention.format(1)}.relative_attention_bias.weight" in shapes,
    )


def clip_config(shapes: Shapes) -> ClipShape:
    """Heads are 80 wide in ViT-H."""
    dim, _, patch, _ = shapes["embeddings.patch_embedding.weight"]
    return ClipShape(
        dim=dim,
        ffn_dim=shapes["encoder.layers.0.mlp.fc1.weight"][0],
        num_layers=count(shapes, "encoder.layers.", ".layer_norm1.weight"),
        num_heads=max(1, dim // 80),
        patch=patch,
        tokens=shapes["embeddings.position_embedding.weight"][0],
    )


_CLIP = Network(clip_vision, clip_config)
_T5 = Network(t5_encoder, t5_config)
_COGVIDEOX = Network(CogVideoXTransformer, cogvideox_config)
_COGVIDEOX_VAE = Network(CogVideoXVAE, cogvideox_vae_config)
_WAN = Network(WanTransformer, wan_config)
_WAN_VAE = Network(WanVAE, wan_vae_config)

FAMILIES: tuple[Family, ...] = (
    Family(
        "Wan transformer with image branch",
        ("patch_embedding.weight", "blocks.0.cross_attn.k_img.weight"),
        network=_WAN,
    ),
    Family(
        "Wan transformer",
        ("patch_embedding.weight", "blocks.0.self_attn.q.weight"),
        lacks=("blocks.0.cross_attn.k_img.weight",),
        network=_WAN,
    ),
    Family(
        "Wan transformer (diffusers)",
        ("patch_embedding.weight", "condition_embedder.time_proj.weight"),
        table=WAN_FROM_DIFFUSERS,
        network=_WAN,
    ),
    Family(
        "CogVideoX transformer (SAT)",
        ("mixins.patch_embed.text_proj.weight",),
        table=COGVIDEOX_FROM_SAT,
        ignored=COGVIDEOX_SAT_IGNORED,
        network=_COGVIDEOX,
    ),
    Family(
        "CogVideoX transformer (diffusers)",
        ("patch_embed.text_proj.weight", "transformer_blocks.0.attn1.to_q.weight"),
        table=COGVIDEOX_FROM_DIFFUSERS,
        network=_COGVIDEOX,
    ),
    Family(
        "CogVideoX transformer (ComfyUI)",
        ("patch_embed.text_proj.weight", "blocks.0.ff_proj.weight"),
        table=COGVIDEOX_FROM_COMFY,
        network=_COGVIDEOX,
    ),
    Family("Wan VAE", ("encoder.conv1.weight", "decoder.head.0.gamma"), network=_WAN_VAE),
    Family(
        "Wan VAE (diffusers)",
        ("encoder.mid_block.resnets.0.norm1.gamma", "decoder.up_blocks.0.upsamplers.0.time_conv.weight"),
        table=WAN21_VAE_FROM_DIFFUSERS,
        network=_WAN_VAE,
    ),
    Family(
        "Wan 2.2 VAE (diffusers)",
        ("encoder.mid_block.resnets.0.norm1.gamma", "decoder.up_blocks.0.upsampler.time_conv.weight"),
        table=WAN22_VAE_FROM_DIFFUSERS,
        network=_WAN_VAE,
    ),
    Family(
        "CogVideoX VAE (SAT)",
        ("encoder.mid.block_1.norm1.weight", "decoder.norm_out.conv_y.conv.weight"),
        ignored=("loss.",),
        network=_COGVIDEOX_VAE,
    ),
    Family(
        "CogVideoX VAE (diffusers)",
        ("encoder.mid_block.resnets.0.norm1.weight", "decoder.norm_out.conv_y.conv.weight"),
        table=COGVIDEOX_VAE_FROM_DIFFUSERS,
        network=_COGVIDEOX_VAE,
    ),
    Family(
        "umT5 encoder (Wan)",
        ("token_embedding.weight", "blocks.1.pos_embedding.embedding.weight"),
        table=UMT5_FROM_WAN,
        network=_T5,
    ),
    Family(
        "T5 encoder (transformers)",
        ("shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"),
        ignored=("encoder.embed_tokens.weight", "decoder.", "lm_head.", "spiece_model"),
        network=_T5,
    ),
    Family(
        "T5 encoder (GGUF)",
        ("token_embd.weight", "enc.blk.0.attn_q.weight"),
        table=T5_FROM_GGUF,
        ignored=("dec.", "output.weight"),
        network=_T5,
    ),
    Family(
        "CLIP image encoder (Wan)",
        ("cls_embedding", "transformer.0.attn.to_qkv.weight"),
        table=CLIP_FROM_WAN,
        ignored=("head",),
        network=_CLIP,
    ),
    Family(
        "CLIP image encoder (transformers)",
        ("embeddings.class_embedding", "encoder.layers.0.self_attn.q_proj.weight"),
        ignored=("embeddings.position_ids",),
        network=_CLIP,
    ),
    Family("byte T5 encoder of mini", ("encoder.shared.weight",)),
)


def config_from(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """A config from JSON: lists become tuples, names it does not know are an error."""
    known = {field.name for field in fields(kind)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise ValueError(
            f"model card: {kind.__name__} has no {', '.join(unknown)}; use a card of this version"
        )
    return kind(**{key: _tuples(value) for key, value in values.items()})


def stated_config(told: Config, values: Any) -> Config:
    """The configuration that a file states. ValueError where it is none, or of other layers than shapes have `told`."""
    if not isinstance(values, dict):
        raise ValueError(f"{CONFIG_KEY} is no object")
    stated = config_from(type(told), values)
    for name in values:
        ours, theirs = getattr(told, name), getattr(stated, name)
        if type(ours) is not type(theirs) or (name == "num_layers" and ours != theirs):
            raise ValueError(f"{CONFIG_KEY}: {name} cannot be {theirs!r}")
    return stated


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def families_of(names: Collection[str]) -> list[Family]:
    """All that fit; the published networks fit one each."""
    return [f for f in FAMILIES if all(n in names for n in f.has) and not any(n in names for n in f.lacks)]


@dataclass(frozen=True)
class Found:
    """What weights are: `weights` without the prefix, and what else lay beside them."""

    family: Family
    prefix: str
    weights: Weights
    beside: int

    def config(self) -> Any:
        """The network's configuration, stated in a file of ours or else from shapes. ValueError when tensors that tell it are missing or odd."""
        assert self.family.network is not None
        shapes, _ = our_shapes(self.weights.shapes, self.family.table)
        try:
            config = self.family.network.config_of(shapes)
            stated = self.weights.metadata.get(CONFIG_KEY)
            return stated_config(config, json.loads(stated)) if stated else config
        except (KeyError, ValueError, IndexError, ZeroDivisionError, RecursionError) as error:
            raise ValueError(
                f"{self.weights.source}: looks like a {self.family.name}, but {error} tells no size; "
                "it is cut short or of another kind"
            ) from None


def identify(weights: Weights) -> Found:
    """The family of weights under the prefix they have. ValueError names the nearest family when none fits."""
    for prefix in PREFIXES:
        inside = weights.without_prefix(prefix)
        fitting = families_of(inside.entries.keys())
        if fitting:
            family = fitting[0]
            kept = {n: e for n, e in inside.entries.items() if not n.startswith(family.ignored)}
            beside = len(weights.entries) - len(kept)
            return Found(family, prefix, replace(weights, entries=kept), beside)
    raise ValueError(f"{weights.source}: none of the known models; {nearest(weights.entries.keys())}")


def nearest(names: Collection[str]) -> str:
    """Which family's telling names come closest, for the error."""
    best = [
        (len([1 for telling in f.has if get_close_matches(telling, names, n=1, cutoff=0.8)]), f.name)
        for f in FAMILIES
    ]
    score, name = max(best)
    return f"nearest is {name}" if score else f"its first tensor is {min(names)}"
