"""diffusers' WanTransformer3DModel names -> official Wan names."""

from __future__ import annotations

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
