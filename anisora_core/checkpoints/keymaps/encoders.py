"""Names of T5 encoders -> transformers', whose classes are ours: Wan's own files and GGUF."""

from __future__ import annotations

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
