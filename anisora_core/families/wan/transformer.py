"""The Wan video diffusion transformer (Wan Team 2025, arXiv 2503.20314, section 4.2), all releases by config.

x_BCTHW is noise, packed mask and guide on channels; text_BLD are T5 features; the output is the flow
velocity noise - x0. Module names equal the official checkpoints'.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...domain.protocols import AttentionFunction, Ops
from ...layers.attention import best_attention
from ...layers.chunks import in_chunks
from ...layers.embeddings import sinusoid
from ...layers.modulation import modulate
from ...layers.rope import rotary_table, rotate
from ..interface import VideoTransformer
from .config import WanConfig

Rotary = tuple[Tensor, Tensor]


class SelfAttention(nn.Module):
    def __init__(self, config: WanConfig, *, ops: Ops, attention: AttentionFunction) -> None:
        super().__init__()
        dim = config.dim
        self.num_heads, self.attention = config.num_heads, attention
        self.q, self.k = ops.Linear(dim, dim), ops.Linear(dim, dim)
        self.v, self.o = ops.Linear(dim, dim), ops.Linear(dim, dim)
        # Over the full width, before the split into heads.
        self.norm_q, self.norm_k = ops.RMSNorm(dim, eps=config.eps), ops.RMSNorm(dim, eps=config.eps)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1))

    def forward(self, x_BLD: Tensor, rotary: Rotary) -> Tensor:
        q = rotate(self._heads(self.norm_q(self.q(x_BLD))), rotary).flatten(2)
        k = rotate(self._heads(self.norm_k(self.k(x_BLD))), rotary).flatten(2)
        return self.o(self.attention(q, k, self.v(x_BLD), self.num_heads))


class CrossAttention(SelfAttention):
    """Attends to text and, with the image branch, to CLIP tokens through keys and values of their own."""

    def __init__(self, config: WanConfig, *, ops: Ops, attention: AttentionFunction) -> None:
        super().__init__(config, ops=ops, attention=attention)
        if config.has_image_branch:
            self.k_img, self.v_img = ops.Linear(config.dim, config.dim), ops.Linear(config.dim, config.dim)
            self.norm_k_img = ops.RMSNorm(config.dim, eps=config.eps)

    def forward(self, x_BLD: Tensor, text_BLD: Tensor, image_BLD: Tensor | None) -> Tensor:  # type: ignore[override]
        q = self.norm_q(self.q(x_BLD))
        y = self.attention(q, self.norm_k(self.k(text_BLD)), self.v(text_BLD), self.num_heads)
        if image_BLD is not None:
            k_img, v_img = self.norm_k_img(self.k_img(image_BLD)), self.v_img(image_BLD)
            y = y + self.attention(q, k_img, v_img, self.num_heads)
        return self.o(y)


class Block(nn.Module):
    def __init__(self, config: WanConfig, *, ops: Ops, attention: AttentionFunction) -> None:
        super().__init__()
        dim = config.dim
        self.norm1 = ops.LayerNorm(dim, eps=config.eps, elementwise_affine=False)
        self.self_attn = SelfAttention(config, ops=ops, attention=attention)
        self.norm3 = ops.LayerNorm(dim, eps=config.eps)
        self.cross_attn = CrossAttention(config, ops=ops, attention=attention)
        self.norm2 = ops.LayerNorm(dim, eps=config.eps, elementwise_affine=False)
        self.ffn_dim = config.ffn_dim
        self.ffn = nn.Sequential(
            ops.Linear(dim, config.ffn_dim), nn.GELU(approximate="tanh"), ops.Linear(config.ffn_dim, dim)
        )
        self.modulation = nn.Parameter(torch.zeros(1, 6, dim))

    def forward(
        self, x_BLD: Tensor, time_BL6D: Tensor, text_BLD: Tensor, image_BLD: Tensor | None, rotary: Rotary
    ) -> Tensor:
        parts = self.modulation.to(time_BL6D).unsqueeze(0) + time_BL6D
        shift1, scale1, gate1, shift2, scale2, gate2 = parts.unbind(2)
        y = self.self_attn(modulate(self.norm1(x_BLD), shift1, scale1), rotary)
        x = x_BLD + y * gate1.to(y.dtype)
        x = x + self.cross_attn(self.norm3(x), text_BLD, image_BLD)
        y = in_chunks(self.ffn, modulate(self.norm2(x), shift2, scale2), self.ffn_dim)
        return x + y * gate2.to(y.dtype)


class Head(nn.Module):
    def __init__(self, config: WanConfig, *, ops: Ops) -> None:
        super().__init__()
        t, h, w = config.patch_size
        self.norm = ops.LayerNorm(config.dim, eps=config.eps, elementwise_affine=False)
        self.head = ops.Linear(config.dim, config.out_channels * t * h * w)
        self.modulation = nn.Parameter(torch.zeros(1, 2, config.dim))

    def forward(self, x_BLD: Tensor, time_BLD: Tensor) -> Tensor:
        shift, scale = (self.modulation.to(time_BLD).unsqueeze(0) + time_BLD.unsqueeze(2)).unbind(2)
        return self.head(modulate(self.norm(x_BLD), shift, scale))


class ImageEmbedding(nn.Module):
    """CLIP tokens [B, 257, image_dim] -> [B, 257, dim]."""

    def __init__(self, config: WanConfig, *, ops: Ops) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            ops.LayerNorm(config.image_dim),
            ops.Linear(config.image_dim, config.image_dim),
            nn.GELU(),
            ops.Linear(config.image_dim, config.dim),
            ops.LayerNorm(config.dim),
        )

    def forward(self, image_BLD: Tensor) -> Tensor:
        return self.proj(image_BLD)


def unpatchify(tokens_BLP: Tensor, grid: tuple[int, int, int], patch: tuple[int, int, int]) -> Tensor:
    """Tokens with (p, q, r, channel) inside, channel last -> BCTHW."""
    x = tokens_BLP.unflatten(2, (*patch, -1)).unflatten(1, grid)  # B T H W p q r C
    return x.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)


class WanTransformer(VideoTransformer):
    def __init__(
        self,
        config: WanConfig,
        *,
        ops: Ops = nn,  # type: ignore[assignment]
        attention: AttentionFunction = best_attention,
    ) -> None:
        super().__init__()
        self.config, dim = config, config.dim
        self.patch_embedding = ops.Conv3d(
            config.in_channels, dim, kernel_size=config.patch_size, stride=config.patch_size
        )
        self.text_embedding = nn.Sequential(
            ops.Linear(config.text_dim, dim), nn.GELU(approximate="tanh"), ops.Linear(dim, dim)
        )
        self.time_embedding = nn.Sequential(ops.Linear(config.freq_dim, dim), nn.SiLU(), ops.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), ops.Linear(dim, dim * 6))
        self.blocks = nn.ModuleList(
            Block(config, ops=ops, attention=attention) for _ in range(config.num_layers)
        )
        self.head = Head(config, ops=ops)
        if config.has_image_branch:
            self.img_emb = ImageEmbedding(config, ops=ops)

    @property
    def dtype(self) -> torch.dtype:
        """What inputs must come in; noise levels and sampler state stay float32 outside."""
        return self.patch_embedding.weight.dtype

    @property
    def image_dim(self) -> int:
        return self.config.image_dim

    def forward(
        self, x_BCTHW: Tensor, timestep: Tensor, text_BLD: Tensor, image_BLD: Tensor | None = None
    ) -> Tensor:
        """timestep 0..1000, [B] or per token [B, L]; text is zero-padded to text_len here, as upstream does.

        H and W that the patch does not divide are padded and cropped back.
        """
        height, width = x_BCTHW.shape[3:]
        _, patch_h, patch_w = self.config.patch_size
        x_BCTHW = F.pad(x_BCTHW, (0, -width % patch_w, 0, -height % patch_h, 0, 0), mode="replicate")
        tokens = self.patch_embedding(x_BCTHW)
        t, h, w = tokens.shape[2:]
        x = tokens.flatten(2).transpose(1, 2).contiguous()
        axes, theta = self.config.rope_axis_dims, self.config.rope_theta
        rotary = rotary_table((t, h, w), axes, theta, x.device)

        timestep_BL = timestep if timestep.ndim == 2 else timestep[:, None]
        time_BLD = self.time_embedding(sinusoid(timestep_BL, self.config.freq_dim).to(x.dtype))
        time_BL6D = self.time_projection(time_BLD).float().unflatten(-1, (6, -1))

        missing = self.config.text_len - text_BLD.shape[1]
        text = self.text_embedding(F.pad(text_BLD.to(x.dtype), (0, 0, 0, max(0, missing))))
        image = self.img_emb(image_BLD.to(x.dtype)) if image_BLD is not None else None
        for block in self.blocks:
            x = block(x, time_BL6D, text, image, rotary)
        out = unpatchify(self.head(x, time_BLD.float()), (t, h, w), self.config.patch_size)
        return out[:, :, :, :height, :width]
