"""CogVideoX names -> ours: SAT's, as AniSora publishes V1, diffusers' and ComfyUI's."""

from __future__ import annotations

from ...domain.keymap import Parts, Table

#: Beside the weights in SAT files: tables computed from the configuration, and a leftover of SAT's base class.
COGVIDEOX_SAT_IGNORED = (
    "mixins.pos_embed.freqs_sin",
    "mixins.pos_embed.freqs_cos",
    "transformer.position_embeddings.weight",
)

COGVIDEOX_FROM_SAT: Table = {
    "mixins.patch_embed.proj.{wb}": "patch_embedding.{wb}",
    "mixins.patch_embed.text_proj.{wb}": "text_embedding.{wb}",
    "mixins.pos_embed.pos_embedding": "positions",
    "time_embed.0.{wb}": "time_embedding.0.{wb}",
    "time_embed.2.{wb}": "time_embedding.2.{wb}",
    # Shift, scale and gate of attention, then of the feed-forward, for video; then the same six for text.
    "mixins.adaln_layer.adaLN_modulations.{i}.1.{wb}": Parts(
        12,
        {
            "blocks.{i}.norm1.linear.{wb}": (0, 1, 2, 6, 7, 8),
            "blocks.{i}.norm2.linear.{wb}": (3, 4, 5, 9, 10, 11),
        },
    ),
    "mixins.adaln_layer.query_layernorm_list.{i}.{wb}": "blocks.{i}.attn.norm_q.{wb}",
    "mixins.adaln_layer.key_layernorm_list.{i}.{wb}": "blocks.{i}.attn.norm_k.{wb}",
    "transformer.layers.{i}.input_layernorm.{wb}": "blocks.{i}.norm1.norm.{wb}",
    "transformer.layers.{i}.post_attention_layernorm.{wb}": "blocks.{i}.norm2.norm.{wb}",
    "transformer.layers.{i}.attention.query_key_value.{wb}": Parts(
        3, {f"blocks.{{i}}.attn.{name}.{{wb}}": (index,) for index, name in enumerate("qkv")}
    ),
    "transformer.layers.{i}.attention.dense.{wb}": "blocks.{i}.attn.o.{wb}",
    "transformer.layers.{i}.mlp.dense_h_to_4h.{wb}": "blocks.{i}.ffn.0.{wb}",
    "transformer.layers.{i}.mlp.dense_4h_to_h.{wb}": "blocks.{i}.ffn.2.{wb}",
    "transformer.final_layernorm.{wb}": "norm.{wb}",
    "mixins.final_layer.norm_final.{wb}": "head.norm.{wb}",
    "mixins.final_layer.adaLN_modulation.1.{wb}": "head.linear.{wb}",
    "mixins.final_layer.linear.{wb}": "head.proj.{wb}",
}

COGVIDEOX_FROM_DIFFUSERS: dict[str, str] = {
    "patch_embed.proj.{wb}": "patch_embedding.{wb}",
    "patch_embed.text_proj.{wb}": "text_embedding.{wb}",
    "patch_embed.pos_embedding": "positions",
    "time_embedding.linear_1.{wb}": "time_embedding.0.{wb}",
    "time_embedding.linear_2.{wb}": "time_embedding.2.{wb}",
    **{
        f"transformer_blocks.{{i}}.{theirs}.{{wb}}": f"blocks.{{i}}.{ours}.{{wb}}"
        for theirs, ours in {
            "norm1.linear": "norm1.linear",
            "norm1.norm": "norm1.norm",
            "norm2.linear": "norm2.linear",
            "norm2.norm": "norm2.norm",
            "attn1.to_q": "attn.q",
            "attn1.to_k": "attn.k",
            "attn1.to_v": "attn.v",
            "attn1.to_out.0": "attn.o",
            "attn1.norm_q": "attn.norm_q",
            "attn1.norm_k": "attn.norm_k",
            "ff.net.0.proj": "ffn.0",
            "ff.net.2": "ffn.2",
        }.items()
    },
    "norm_final.{wb}": "norm.{wb}",
    "norm_out.norm.{wb}": "head.norm.{wb}",
    "norm_out.linear.{wb}": "head.linear.{wb}",
    "proj_out.{wb}": "head.proj.{wb}",
}

#: ComfyUI's own transformer (its VAE has diffusers' names).
COGVIDEOX_FROM_COMFY: dict[str, str] = {
    "patch_embed.proj.{wb}": "patch_embedding.{wb}",
    "patch_embed.text_proj.{wb}": "text_embedding.{wb}",
    "patch_embed.pos_embedding": "positions",
    "time_embedding_linear_1.{wb}": "time_embedding.0.{wb}",
    "time_embedding_linear_2.{wb}": "time_embedding.2.{wb}",
    **{
        f"blocks.{{i}}.{theirs}.{{wb}}": f"blocks.{{i}}.{ours}.{{wb}}"
        for theirs, ours in {
            "norm1.linear": "norm1.linear",
            "norm1.norm": "norm1.norm",
            "norm2.linear": "norm2.linear",
            "norm2.norm": "norm2.norm",
            "q": "attn.q",
            "k": "attn.k",
            "v": "attn.v",
            "attn_out": "attn.o",
            "norm_q": "attn.norm_q",
            "norm_k": "attn.norm_k",
            "ff_proj": "ffn.0",
            "ff_out": "ffn.2",
        }.items()
    },
    "norm_final.{wb}": "norm.{wb}",
    "norm_out.norm.{wb}": "head.norm.{wb}",
    "norm_out.linear.{wb}": "head.linear.{wb}",
    "proj_out.{wb}": "head.proj.{wb}",
}

_DIFFUSERS_BLOCK = {
    "norm1.{wb}": "norm1.{wb}",
    "norm2.{wb}": "norm2.{wb}",
    "conv1.conv.{wb}": "conv1.conv.{wb}",
    "conv2.conv.{wb}": "conv2.conv.{wb}",
    "conv_shortcut.{wb}": "nin_shortcut.{wb}",
    **{
        f"norm{n}.{part}.{{wb}}": f"norm{n}.{part}.{{wb}}"
        for n in (1, 2)
        for part in ("norm_layer", "conv_y.conv", "conv_b.conv")
    },
}
_LEVELS = 4

#: SAT counts the decoder's levels from the pixels, diffusers from the latent.
COGVIDEOX_VAE_FROM_DIFFUSERS: dict[str, str] = {
    **{
        f"{side}.{name}.{{wb}}": f"{side}.{name}.{{wb}}"
        for side in ("encoder", "decoder")
        for name in ("conv_in.conv", "conv_out.conv")
    },
    "encoder.norm_out.{wb}": "encoder.norm_out.{wb}",
    **{
        f"decoder.norm_out.{part}.{{wb}}": f"decoder.norm_out.{part}.{{wb}}"
        for part in ("norm_layer", "conv_y.conv", "conv_b.conv")
    },
    **{
        f"{side}.mid_block.resnets.{n}.{theirs}": f"{side}.mid.block_{n + 1}.{ours}"
        for side in ("encoder", "decoder")
        for n in (0, 1)
        for theirs, ours in _DIFFUSERS_BLOCK.items()
    },
    **{
        f"{theirs_level}.resnets.{{i}}.{theirs}": f"{ours_level}.block.{{i}}.{ours}"
        for level in range(_LEVELS)
        for theirs_level, ours_level in (
            (f"encoder.down_blocks.{level}", f"encoder.down.{level}"),
            (f"decoder.up_blocks.{_LEVELS - 1 - level}", f"decoder.up.{level}"),
        )
        for theirs, ours in _DIFFUSERS_BLOCK.items()
    },
    **{
        f"encoder.down_blocks.{level}.downsamplers.0.conv.{{wb}}": f"encoder.down.{level}.downsample.conv.{{wb}}"
        for level in range(_LEVELS - 1)
    },
    **{
        f"decoder.up_blocks.{_LEVELS - 1 - level}.upsamplers.0.conv.{{wb}}": f"decoder.up.{level}.upsample.conv.{{wb}}"
        for level in range(1, _LEVELS)
    },
}
