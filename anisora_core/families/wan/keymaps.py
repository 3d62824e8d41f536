"""diffusers' WanTransformer3DModel and AutoencoderKLWan names -> official Wan names."""

from __future__ import annotations

from collections.abc import Mapping

_ATTENTION = {
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "o",
    "add_k_proj": "k_img",
    "add_v_proj": "v_img",
}
_NORMS = {"norm_q": "norm_q", "norm_k": "norm_k", "norm_added_k": "norm_k_img"}

WAN_FROM_DIFFUSERS: dict[str, str] = {
    "patch_embedding.{wb}": "patch_embedding.{wb}",
    "condition_embedder.time_embedder.linear_1.{wb}": "time_embedding.0.{wb}",
    "condition_embedder.time_embedder.linear_2.{wb}": "time_embedding.2.{wb}",
    "condition_embedder.time_proj.{wb}": "time_projection.1.{wb}",
    "condition_embedder.text_embedder.linear_1.{wb}": "text_embedding.0.{wb}",
    "condition_embedder.text_embedder.linear_2.{wb}": "text_embedding.2.{wb}",
    "condition_embedder.image_embedder.norm1.{wb}": "img_emb.proj.0.{wb}",
    "condition_embedder.image_embedder.ff.net.0.proj.{wb}": "img_emb.proj.1.{wb}",
    "condition_embedder.image_embedder.ff.net.2.{wb}": "img_emb.proj.3.{wb}",
    "condition_embedder.image_embedder.norm2.{wb}": "img_emb.proj.4.{wb}",
    "blocks.{i}.norm2.{wb}": "blocks.{i}.norm3.{wb}",
    "blocks.{i}.ffn.net.0.proj.{wb}": "blocks.{i}.ffn.0.{wb}",
    "blocks.{i}.ffn.net.2.{wb}": "blocks.{i}.ffn.2.{wb}",
    "blocks.{i}.scale_shift_table": "blocks.{i}.modulation",
    "scale_shift_table": "head.modulation",
    "proj_out.{wb}": "head.head.{wb}",
    **{
        f"blocks.{{i}}.{theirs}.{name}.{{wb}}": f"blocks.{{i}}.{ours}.{target}.{{wb}}"
        for theirs, ours in (("attn1", "self_attn"), ("attn2", "cross_attn"))
        for name, target in {**_ATTENTION, **_NORMS}.items()
    },
}

_RESIDUAL = {
    "norm1.gamma": "residual.0.gamma",
    "conv1.{wb}": "residual.2.{wb}",
    "norm2.gamma": "residual.3.gamma",
    "conv2.{wb}": "residual.6.{wb}",
    "conv_shortcut.{wb}": "shortcut.{wb}",
}
_RESAMPLE = ("resample.1.{wb}", "time_conv.{wb}")
_LEVELS, _RESNETS = 4, 2


def _vae(levels: Mapping[str, str], resamplers: Mapping[str, str]) -> dict[str, str]:
    """`levels`: residual blocks between the ends and the middle; `resamplers`: the steps between levels."""
    sides = ("encoder", "decoder")
    blocks = {
        **{f"{side}.mid_block.resnets.{n}": f"{side}.middle.{2 * n}" for side in sides for n in (0, 1)},
        **levels,
    }
    attention = ("norm.gamma", "to_qkv.{wb}", "proj.{wb}")
    ends = {"conv_in.{wb}": "conv1.{wb}", "norm_out.gamma": "head.0.gamma", "conv_out.{wb}": "head.2.{wb}"}
    return {
        "quant_conv.{wb}": "conv1.{wb}",
        "post_quant_conv.{wb}": "conv2.{wb}",
        **{f"{side}.{theirs}": f"{side}.{ours}" for side in sides for theirs, ours in ends.items()},
        **{f"{side}.mid_block.attentions.0.{n}": f"{side}.middle.1.{n}" for side in sides for n in attention},
        **{f"{t}.{theirs}": f"{o}.{ours}" for t, o in blocks.items() for theirs, ours in _RESIDUAL.items()},
        **{f"{t}.{n}": f"{o}.{n}" for t, o in resamplers.items() for n in _RESAMPLE},
    }


#: The official file counts the blocks of all levels in one row; diffusers does so in the encoder only.
WAN21_VAE_FROM_DIFFUSERS = _vae(
    {"encoder.down_blocks.{i}": "encoder.downsamples.{i}"}
    | {
        f"decoder.up_blocks.{level}.resnets.{n}": f"decoder.upsamples.{level * (_RESNETS + 2) + n}"
        for level in range(_LEVELS)
        for n in range(_RESNETS + 1)
    },
    {"encoder.down_blocks.{i}": "encoder.downsamples.{i}"}
    | {
        f"decoder.up_blocks.{level}.upsamplers.0": f"decoder.upsamples.{level * (_RESNETS + 2) + _RESNETS + 1}"
        for level in range(_LEVELS - 1)
    },
)
WAN22_VAE_FROM_DIFFUSERS = _vae(
    {
        f"encoder.down_blocks.{{i}}.resnets.{n}": f"encoder.downsamples.{{i}}.downsamples.{n}"
        for n in range(_RESNETS)
    }
    | {
        f"decoder.up_blocks.{{i}}.resnets.{n}": f"decoder.upsamples.{{i}}.upsamples.{n}"
        for n in range(_RESNETS + 1)
    },
    {
        "encoder.down_blocks.{i}.downsampler": f"encoder.downsamples.{{i}}.downsamples.{_RESNETS}",
        "decoder.up_blocks.{i}.upsampler": f"decoder.upsamples.{{i}}.upsamples.{_RESNETS + 1}",
    },
)
