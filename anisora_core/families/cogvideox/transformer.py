"""The CogVideoX video diffusion transformer (Yang et al. 2024, arXiv 2408.06072, section 2.2) as AniSora V1 uses it.

Text and video tokens attend to each other in one sequence, text first. x_BCTHW is noise, reprojected mask (where the
configuration has one) and guide on channels; text_BSD are T5 features, all zero for the unconditional branch; the
output is the velocity of v-prediction.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...domain.protocols import AttentionFunction, Ops
from ...layers.attention import best_attention
from ...layers.causal3d import per_frame
from ...layers.chunks import in_chunks
from ...layers.embeddings import sinusoid
from ...layers.modulation import modulate
from ...layers.rope import rotary_table, rotate
from ..interface import VideoTransformer
from .config import CogVideoXConfig

Rotary = tuple[Tensor, Tensor]


class JointAttention(nn.Module):
    def __init__(self, config: CogVideoXConfig, *, ops: Ops, attention: AttentionFunction) -> None:
        super().__init__()
        dim = config.dim
        self.num_heads, self.attention = config.num_heads, attention
        self.q, self.k = ops.Linear(dim, dim), ops.Linear(dim, dim)
        self.v, self.o = ops.Linear(dim, dim), ops.Linear(dim, dim)
        # Inside each head, text tokens included.
        self.norm_q = ops.LayerNorm(config.head_dim, eps=config.inner_eps)
        self.norm_k = ops.LayerNorm(config.head_dim, eps=config.inner_eps)

    def forward(self, x_BND: Tensor, text_len: int, rotary: Rotary) -> Tensor:
        def turned(x: Tensor, norm: nn.Module) -> Tensor:
            heads = norm(x.unflatten(-1, (self.num_heads, -1)))
            return torch.cat([heads[:, :text_len], rotate(heads[:, text_len:], rotary)], dim=1).flatten(2)

        q, k = turned(self.q(x_BND), self.norm_q), turned(self.k(x_BND), self.norm_k)
        return self.o(self.attention(q, k, self.v(x_BND), self.num_heads))


class AdaptiveNorm(nn.Module):
    """One norm for text and video, each with a shift, scale and gate of its own from the timestep."""

    def __init__(self, config: CogVideoXConfig, *, ops: Ops) -> None:
        super().__init__()
        self.linear = ops.Linear(config.time_dim, 6 * config.dim)
        self.norm = ops.LayerNorm(config.dim, eps=config.eps)

    def forward(self, text: Tensor, video: Tensor, time_B1E: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """-> both, normalised and joined; the gate of text; the gate of video."""
        shift, scale, gate, text_shift, text_scale, text_gate = self.linear(F.silu(time_B1E)).chunk(6, dim=-1)
        parts = [modulate(self.norm(text), text_shift, text_scale), modulate(self.norm(video), shift, scale)]
        return torch.cat(parts, dim=1), text_gate, gate


class Block(nn.Module):
    def __init__(self, config: CogVideoXConfig, *, ops: Ops, attention: AttentionFunction) -> None:
        super().__init__()
        self.norm1 = AdaptiveNorm(config, ops=ops)
        self.attn = JointAttention(config, ops=ops, attention=attention)
        self.norm2 = AdaptiveNorm(config, ops=ops)
        self.ffn_dim = config.ffn_dim
        self.ffn = nn.Sequential(
            ops.Linear(config.dim, config.ffn_dim),
            nn.GELU(approximate="tanh"),
            ops.Linear(config.ffn_dim, config.dim),
        )

    def forward(self, text: Tensor, video: Tensor, time_B1E: Tensor, rotary: Rotary) -> tuple[Tensor, Tensor]:
        split = [text.shape[1], video.shape[1]]
        joint, text_gate, gate = self.norm1(text, video, time_B1E)
        text_y, video_y = self.attn(joint, split[0], rotary).split(split, dim=1)
        text, video = text + text_gate * text_y, video + gate * video_y
        joint, text_gate, gate = self.norm2(text, video, time_B1E)
        text_y, video_y = in_chunks(self.ffn, joint, self.ffn_dim).split(split, dim=1)
        return text + text_gate * text_y, video + gate * video_y


class Head(nn.Module):
    def __init__(self, config: CogVideoXConfig, *, ops: Ops) -> None:
        super().__init__()
        self.norm = ops.LayerNorm(config.dim, eps=config.inner_eps)
        self.linear = ops.Linear(config.time_dim, 2 * config.dim)
        self.proj = ops.Linear(config.dim, config.out_channels * config.patch_size**2)

    def forward(self, video: Tensor, time_B1E: Tensor) -> Tensor:
        shift, scale = self.linear(F.silu(time_B1E)).chunk(2, dim=-1)
        return self.proj(modulate(self.norm(video), shift, scale))


def unpatchify(tokens_BLP: Tensor, grid: tuple[int, int, int], patch: int) -> Tensor:
    """Tokens with (channel, p, q) inside, channel first -> BCTHW."""
    x = tokens_BLP.unflatten(2, (-1, patch, patch)).unflatten(1, grid)  # B T H W C p q
    return x.permute(0, 4, 1, 2, 5, 3, 6).flatten(5, 6).flatten(3, 4)


class CogVideoXTransformer(VideoTransformer):
    def __init__(
        self,
        config: CogVideoXConfig,
        *,
        ops: Ops = nn,  # type: ignore[assignment]
        attention: AttentionFunction = best_attention,
    ) -> None:
        super().__init__()
        self.config, dim, patch = config, config.dim, config.patch_size
        self.patch_embedding = ops.Conv2d(
            config.in_channels + config.mask_channels, dim, kernel_size=patch, stride=patch
        )
        self.text_embedding = ops.Linear(config.text_dim, dim)
        self.time_embedding = nn.Sequential(
            ops.Linear(dim, config.time_dim), nn.SiLU(), ops.Linear(config.time_dim, config.time_dim)
        )
        if config.learned_positions:
            self.positions = nn.Parameter(torch.zeros(1, config.learned_positions, dim))
        self.blocks = nn.ModuleList(
            Block(config, ops=ops, attention=attention) for _ in range(config.num_layers)
        )
        self.norm = ops.LayerNorm(dim, eps=config.eps)
        self.head = Head(config, ops=ops)

    @property
    def dtype(self) -> torch.dtype:
        """What inputs must come in; noise levels and sampler state stay float32 outside."""
        return self.patch_embedding.weight.dtype

    def forward(
        self, x_BCTHW: Tensor, timestep: Tensor, text_BLD: Tensor, image_BLD: Tensor | None = None
    ) -> Tensor:
        """timestep 0..999; text shorter than text_len is zero-padded. Odd H and W are padded and cropped back.

        It does not look at pictures: image features are left aside.
        """
        height, width = x_BCTHW.shape[3:]
        patch = self.config.patch_size
        x_BCTHW = F.pad(x_BCTHW, (0, -width % patch, 0, -height % patch, 0, 0), mode="replicate")
        tokens = per_frame(self.patch_embedding, x_BCTHW)
        t, h, w = tokens.shape[2:]
        video = tokens.flatten(2).transpose(1, 2).contiguous()
        missing = self.config.text_len - text_BLD.shape[1]
        text = self.text_embedding(F.pad(text_BLD.to(video.dtype), (0, 0, 0, max(0, missing))))
        if self.config.learned_positions == text.shape[1] + video.shape[1]:
            text_positions, positions = self.positions.split([text.shape[1], video.shape[1]], dim=1)
            text, video = text + text_positions.to(text), video + positions.to(video)

        time_B1E = self.time_embedding(sinusoid(timestep[:, None], self.config.dim).to(video.dtype))
        axes, theta = self.config.rope_axis_dims, self.config.rope_theta
        rotary = rotary_table((t, h, w), axes, theta, video.device)
        for block in self.blocks:
            text, video = block(text, video, time_B1E, rotary)
        video = self.norm(video)  # per token, so that the text it is trained beside need not be kept
        out = unpatchify(self.head(video, time_B1E), (t, h, w), patch)
        return out[:, :, :, :height, :width]
