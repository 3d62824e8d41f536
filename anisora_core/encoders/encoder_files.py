"""What an encoder's file can be: text encoders of T5's kind, CLIP's vision tower, and mini's over bytes."""

from __future__ import annotations

from ..domain.file_kind import FileForms, FileKind, Network, Shapes, count
from .byte_t5 import ByteTextEncoder, byte_config
from .clip import ClipShape, clip_vision
from .keymaps import CLIP_FROM_WAN, T5_FROM_GGUF, UMT5_FROM_WAN
from .t5 import T5Shape, t5_encoder


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


def t5_forms(shape: T5Shape, forms: FileForms) -> FileForms:
    """Wan's authors have names of their own for umT5; V1's T5 is transformers' own."""
    return forms if shape.bias_in_every_block else {"transformers": forms["transformers"]}


_CLIP_NETWORK = Network(
    clip_vision,
    clip_config,
    forms={"official": ("visual.", CLIP_FROM_WAN), "transformers": ("vision_model.", None)},
)
_T5_NETWORK = Network(
    t5_encoder,
    t5_config,
    forms={"official": ("", UMT5_FROM_WAN), "transformers": ("", None)},
    adapted=t5_forms,
)

ENCODER_KINDS: tuple[FileKind, ...] = (
    FileKind(
        "umT5 encoder (Wan)",
        ("token_embedding.weight", "blocks.1.pos_embedding.embedding.weight"),
        table=UMT5_FROM_WAN,
        network=_T5_NETWORK,
    ),
    FileKind(
        "T5 encoder (transformers)",
        ("shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"),
        ignored=("encoder.embed_tokens.weight", "decoder.", "lm_head.", "spiece_model"),
        network=_T5_NETWORK,
    ),
    FileKind(
        "T5 encoder (GGUF)",
        ("token_embd.weight", "enc.blk.0.attn_q.weight"),
        table=T5_FROM_GGUF,
        ignored=("dec.", "output.weight"),
        network=_T5_NETWORK,
    ),
    FileKind(
        "CLIP image encoder (Wan)",
        ("cls_embedding", "transformer.0.attn.to_qkv.weight"),
        table=CLIP_FROM_WAN,
        ignored=("head",),
        network=_CLIP_NETWORK,
    ),
    FileKind(
        "CLIP image encoder (transformers)",
        ("embeddings.class_embedding", "encoder.layers.0.self_attn.q_proj.weight"),
        ignored=("embeddings.position_ids",),
        network=_CLIP_NETWORK,
    ),
    FileKind(
        "byte T5 encoder of mini",
        ("encoder.shared.weight",),
        network=Network(ByteTextEncoder, byte_config),
    ),
)
