"""Names of text and image encoders -> transformers', whose classes are ours: Wan's own files and GGUF."""

from __future__ import annotations

from ..domain.keymap import Leading, Parts, Table

_LAYER = "encoder.block.{i}.layer"
_ATTENTION = f"{_LAYER}.0.SelfAttention"
_FEED_FORWARD = f"{_LAYER}.1.DenseReluDense"

UMT5_FROM_WAN: dict[str, str] = {
    "token_embedding.weight": "shared.weight",
    "blocks.{i}.norm1.weight": f"{_LAYER}.0.layer_norm.weight",
    **{f"blocks.{{i}}.attn.{n}.weight": f"{_ATTENTION}.{n}.weight" for n in "qkvo"},
    "blocks.{i}.pos_embedding.embedding.weight": f"{_ATTENTION}.relative_attention_bias.weight",
    "blocks.{i}.norm2.weight": f"{_LAYER}.1.layer_norm.weight",
    "blocks.{i}.ffn.gate.0.weight": f"{_FEED_FORWARD}.wi_0.weight",
    "blocks.{i}.ffn.fc1.weight": f"{_FEED_FORWARD}.wi_1.weight",
    "blocks.{i}.ffn.fc2.weight": f"{_FEED_FORWARD}.wo.weight",
    "norm.weight": "encoder.final_layer_norm.weight",
}

T5_FROM_GGUF: dict[str, str] = {
    "token_embd.weight": "shared.weight",
    "enc.blk.{i}.attn_norm.weight": f"{_LAYER}.0.layer_norm.weight",
    **{f"enc.blk.{{i}}.attn_{n}.weight": f"{_ATTENTION}.{n}.weight" for n in "qkvo"},
    "enc.blk.{i}.attn_rel_b.weight": f"{_ATTENTION}.relative_attention_bias.weight",
    "enc.blk.{i}.ffn_norm.weight": f"{_LAYER}.1.layer_norm.weight",
    "enc.blk.{i}.ffn_gate.weight": f"{_FEED_FORWARD}.wi_0.weight",
    "enc.blk.{i}.ffn_up.weight": f"{_FEED_FORWARD}.wi_1.weight",
    "enc.blk.{i}.ffn_down.weight": f"{_FEED_FORWARD}.wo.weight",
    "enc.output_norm.weight": "encoder.final_layer_norm.weight",
}

_VISION = "encoder.layers.{i}"

CLIP_FROM_WAN: Table = {
    "cls_embedding": Leading("embeddings.class_embedding", 2),
    "pos_embedding": Leading("embeddings.position_embedding.weight", 1),
    "patch_embedding.weight": "embeddings.patch_embedding.weight",
    "pre_norm.{wb}": "pre_layrnorm.{wb}",
    "transformer.{i}.norm1.{wb}": f"{_VISION}.layer_norm1.{{wb}}",
    "transformer.{i}.attn.to_qkv.{wb}": Parts(
        3, {f"{_VISION}.self_attn.{n}_proj.{{wb}}": (index,) for index, n in enumerate("qkv")}
    ),
    "transformer.{i}.attn.proj.{wb}": f"{_VISION}.self_attn.out_proj.{{wb}}",
    "transformer.{i}.norm2.{wb}": f"{_VISION}.layer_norm2.{{wb}}",
    "transformer.{i}.mlp.0.{wb}": f"{_VISION}.mlp.fc1.{{wb}}",
    "transformer.{i}.mlp.2.{wb}": f"{_VISION}.mlp.fc2.{{wb}}",
    "post_norm.{wb}": "post_layernorm.{wb}",
}
