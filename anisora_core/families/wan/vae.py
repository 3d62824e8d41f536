"""The Wan causal 3-D VAE: Wan2.1's, Wan2.2's and mini's by configuration.

Written from Wan Team 2025 (arXiv 2503.20314, section 4.1); module names equal the official checkpoints'.
Pixels are video_BCFHW in -1..1; latents are latent_BCTHW. Every layer with memory takes and returns its past,
so encode and decode work in chunks of any size with the result of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...domain.latents import NormalizedLatent, RawLatent
from ...domain.protocols import Ops
from ...layers.causal3d import DirectConv3d, Past, causal_conv, fast_layout, per_frame, run
from ...layers.posterior import Posterior
from ..interface import VideoVAE
from .config import WanVAEConfig


class RMSNorm(nn.Module):
    """L2-normalise over channels, times sqrt(channels) and a learned gain."""

    def __init__(self, channels: int, *, spatial_only: bool = False) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *(1,) * (2 if spatial_only else 3)))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1) * (self.gamma.to(x) * x.shape[1] ** 0.5)


def conv3d(ops: Ops, in_channels: int, out_channels: int, kernel: int) -> nn.Module:
    """A Conv3d that `causal_conv` pads in time; space is padded here."""
    kind = DirectConv3d if ops is nn else ops.Conv3d
    return kind(in_channels, out_channels, kernel, padding=(0, kernel // 2, kernel // 2))


class ResidualBlock(nn.Module):
    is_streamed = True

    def __init__(self, in_channels: int, out_channels: int, *, ops: Ops) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            RMSNorm(in_channels),
            nn.SiLU(),
            conv3d(ops, in_channels, out_channels, 3),
            RMSNorm(out_channels),
            nn.SiLU(),
            nn.Identity(),  # the official module has a dropout here; the name of the next one counts it
            conv3d(ops, out_channels, out_channels, 3),
        )
        has_shortcut = in_channels != out_channels
        self.shortcut = conv3d(ops, in_channels, out_channels, 1) if has_shortcut else nn.Identity()

    def forward(self, x: Tensor, past: Past = None) -> tuple[Tensor, Past]:
        y, past = run(self.residual, x, past)
        return self.shortcut(x) + y, past


class AttentionBlock(nn.Module):
    """Single-head self-attention inside each frame."""

    def __init__(self, channels: int, *, ops: Ops) -> None:
        super().__init__()
        self.norm = RMSNorm(channels, spatial_only=True)
        self.to_qkv = ops.Conv2d(channels, channels * 3, 1)
        self.proj = ops.Conv2d(channels, channels, 1)

    def _attend(self, x_NCHW: Tensor) -> Tensor:
        height = x_NCHW.shape[2]
        qkv = self.to_qkv(self.norm(x_NCHW)).flatten(2).transpose(1, 2).unsqueeze(1)
        y_NLC = F.scaled_dot_product_attention(*(part.contiguous() for part in qkv.chunk(3, dim=-1))).squeeze(
            1
        )
        return self.proj(y_NLC.transpose(1, 2).unflatten(2, (height, -1)).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        return x + per_frame(self._attend, x)  # type: ignore[arg-type]


class Downsample(nn.Module):
    """Space by a strided convolution; time by pairs, the first frame of the clip kept for itself."""

    is_streamed = True

    def __init__(self, channels: int, stride: tuple[int, int], *, ops: Ops) -> None:
        super().__init__()
        time, space = stride
        if space == 2:
            self.resample = nn.Sequential(
                nn.ZeroPad2d((0, 1, 0, 1)), ops.Conv2d(channels, channels, 3, stride=2)
            )
        if time == 2:
            self.time_conv = ops.Conv3d(channels, channels, (3, 1, 1), stride=(2, 1, 1))

    def forward(self, x: Tensor, past: Past = None) -> tuple[Tensor, Past]:
        if hasattr(self, "resample"):
            x = per_frame(self.resample, x)
        if not hasattr(self, "time_conv"):
            return x, None
        seen = x if past is None else torch.cat([past, x], dim=2)
        parts = [x[:, :, :1]] if past is None else []
        if seen.shape[2] > 1:
            parts.append(self.time_conv(seen))
        return torch.cat(parts, dim=2), x[:, :, -1:]


class Upsample(nn.Module):
    """Time by one convolution that yields two frames for each but the first of the clip; space nearest, then conv."""

    is_streamed = True

    def __init__(self, channels: int, out_channels: int, stride: tuple[int, int], *, ops: Ops) -> None:
        super().__init__()
        time, space = stride
        if space == 2:
            self.resample = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="nearest-exact"),
                ops.Conv2d(channels, out_channels, 3, padding=1),
            )
        if time == 2:
            self.time_conv = ops.Conv3d(channels, channels * 2, (3, 1, 1))

    def _double_frames(self, x: Tensor, past: Past) -> tuple[Tensor, Past]:
        first, rest = (x[:, :, :1], x[:, :, 1:]) if past is None else (x[:, :, :0], x)
        # After the first frame the memory is zeros, not that frame: the convolution never sees it.
        memory = torch.zeros_like(first).expand(-1, -1, 2, -1, -1) if past is None else past
        if rest.shape[2] == 0:
            return first, memory
        doubled, memory = causal_conv(self.time_conv, rest, memory)
        doubled = doubled.unflatten(1, (2, -1)).transpose(1, 2).transpose(2, 3).flatten(2, 3)
        return fast_layout(torch.cat([first, doubled], dim=2)), memory

    def forward(self, x: Tensor, past: Past = None) -> tuple[Tensor, Past]:
        if hasattr(self, "time_conv"):
            x, past = self._double_frames(x, past)
        if hasattr(self, "resample"):
            x = per_frame(self.resample, x)
        return x, past


def average_shortcut(x: Tensor, out_channels: int, stride: tuple[int, int]) -> Tensor:
    """Wan2.2: fold the strides into channels, then average groups of channels."""
    time, space = stride
    x = F.pad(x, (0, 0, 0, 0, -x.shape[2] % time, 0))
    x = x.unflatten(4, (-1, space)).unflatten(3, (-1, space)).unflatten(2, (-1, time))  # B C T t H p W q
    x = x.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4)
    return x.unflatten(1, (out_channels, -1)).mean(2)


def duplicate_shortcut(x: Tensor, out_channels: int, stride: tuple[int, int], *, is_first: bool) -> Tensor:
    """Wan2.2: repeat channels and unfold them into the strides; the first frame keeps its last copy only."""
    time, space = stride
    x = x.repeat_interleave(out_channels * time * space * space // x.shape[1], dim=1)
    x = x.unflatten(1, (out_channels, time, space, space)).permute(0, 1, 5, 2, 6, 3, 7, 4)  # B C T t H p W q
    x = x.flatten(6, 7).flatten(4, 5).flatten(2, 3)
    return x[:, :, time - 1 :] if is_first else x


class DownLevel(nn.Module):
    """A Wan2.2 encoder level: its blocks beside an averaging shortcut."""

    is_streamed = True

    def __init__(
        self, in_channels: int, out_channels: int, blocks: int, stride: tuple[int, int] | None, *, ops: Ops
    ) -> None:
        super().__init__()
        self.out_channels, self.stride = out_channels, stride or (1, 1)
        self.downsamples = nn.ModuleList(res_blocks(in_channels, out_channels, blocks, ops=ops))
        if stride:
            self.downsamples.append(Downsample(out_channels, stride, ops=ops))

    def forward(self, x: Tensor, past: Past = None) -> tuple[Tensor, Past]:
        y, past = run(self.downsamples, x, past)
        return y + average_shortcut(x, self.out_channels, self.stride), past


class UpLevel(nn.Module):
    """A Wan2.2 decoder level: its blocks beside a duplicating shortcut."""

    is_streamed = True

    def __init__(
        self, in_channels: int, out_channels: int, blocks: int, stride: tuple[int, int] | None, *, ops: Ops
    ) -> None:
        super().__init__()
        self.out_channels, self.stride = out_channels, stride
        self.upsamples = nn.ModuleList(res_blocks(in_channels, out_channels, blocks, ops=ops))
        if stride:
            self.upsamples.append(Upsample(out_channels, out_channels, stride, ops=ops))

    def forward(self, x: Tensor, past: Past = None) -> tuple[Tensor, Past]:
        y, after = run(self.upsamples, x, past)
        if self.stride:
            y = y + duplicate_shortcut(x, self.out_channels, self.stride, is_first=past is None)
        return y, after


def res_blocks(in_channels: int, out_channels: int, count: int, *, ops: Ops) -> list[nn.Module]:
    widths = [in_channels] + [out_channels] * count
    return [ResidualBlock(a, b, ops=ops) for a, b in pairwise(widths)]


def middle(channels: int, *, ops: Ops) -> nn.ModuleList:
    return nn.ModuleList(
        [
            ResidualBlock(channels, channels, ops=ops),
            AttentionBlock(channels, ops=ops),
            ResidualBlock(channels, channels, ops=ops),
        ]
    )


def head(channels: int, out_channels: int, *, ops: Ops) -> nn.ModuleList:
    return nn.ModuleList([RMSNorm(channels), nn.SiLU(), conv3d(ops, channels, out_channels, 3)])


def level_strides(strides: Sequence[tuple[int, int]]) -> list[tuple[int, int] | None]:
    return [*strides, None]


class Encoder(nn.Module):
    def __init__(self, config: WanVAEConfig, *, ops: Ops) -> None:
        super().__init__()
        dims = [config.encoder_dim * mult for mult in (1, *config.encoder_mults)]
        self.conv1 = conv3d(ops, 3 * config.front**2, dims[0], 3)
        self.downsamples = nn.ModuleList()
        for (a, b), stride in zip(pairwise(dims), level_strides(config.strides), strict=True):
            if config.residual_shortcuts:
                self.downsamples.append(DownLevel(a, b, config.num_res_blocks, stride, ops=ops))
                continue
            self.downsamples.extend(res_blocks(a, b, config.num_res_blocks, ops=ops))
            if stride:
                self.downsamples.append(Downsample(b, stride, ops=ops))
        self.middle = middle(dims[-1], ops=ops)
        self.head = head(dims[-1], config.channels * 2, ops=ops)

    def forward(self, x: Tensor, past: Past = None) -> tuple[Tensor, Past]:
        return run([self.conv1, *self.downsamples, *self.middle, *self.head], x, past)


class Decoder(nn.Module):
    def __init__(self, config: WanVAEConfig, *, ops: Ops) -> None:
        super().__init__()
        mults = (config.decoder_mults[-1], *reversed(config.decoder_mults))
        dims = [config.decoder_dim * mult for mult in mults]
        self.conv1 = conv3d(ops, config.channels, dims[0], 3)
        self.middle = middle(dims[0], ops=ops)
        self.upsamples = nn.ModuleList()
        blocks, width = config.num_res_blocks + 1, dims[0]
        for out, stride in zip(dims[1:], level_strides(config.strides[::-1]), strict=True):
            if config.residual_shortcuts:
                self.upsamples.append(UpLevel(width, out, blocks, stride, ops=ops))
                width = out
                continue
            self.upsamples.extend(res_blocks(width, out, blocks, ops=ops))
            width = out
            if stride:
                width = out // 2 if stride[1] == 2 else out  # the spatial convolution halves the channels
                self.upsamples.append(Upsample(out, width, stride, ops=ops))
        self.head = head(dims[-1], 3 * config.front**2, ops=ops)

    def forward(self, x: Tensor, past: Past = None) -> tuple[Tensor, Past]:
        return run([self.conv1, *self.middle, *self.upsamples, *self.head], x, past)


def unshuffle(video: Tensor, front: int) -> Tensor:
    """Squares of `front` pixels -> channels, in the order (c, column, row) of Wan2.2."""
    if front == 1:
        return video
    video = video.unflatten(4, (-1, front)).unflatten(3, (-1, front))  # B C F H q W r
    return video.permute(0, 1, 6, 4, 2, 3, 5).flatten(1, 3)


def shuffle(video: Tensor, front: int) -> Tensor:
    """Inverse of `unshuffle`."""
    if front == 1:
        return video
    video = video.unflatten(1, (-1, front, front))  # B C r q F H W
    return video.permute(0, 1, 4, 5, 3, 6, 2).flatten(5, 6).flatten(3, 4)


class WanVAE(VideoVAE):
    """video_BCFHW in -1..1 <-> latent_BCTHW; frames F = 1 + 4 (T - 1) for every published configuration."""

    encodes_with = decodes_with = MappingProxyType({"latents_per_chunk": 1})

    def __init__(self, config: WanVAEConfig, *, ops: Ops = nn) -> None:  # type: ignore[assignment]
        super().__init__()
        self.config, self.grid = config, config.grid
        self.encoder = Encoder(config, ops=ops)
        self.conv1 = ops.Conv3d(config.channels * 2, config.channels * 2, 1)
        self.conv2 = ops.Conv3d(config.channels, config.channels, 1)
        self.decoder = Decoder(config, ops=ops)

    def encode(self, video_BCFHW: Tensor, *, latents_per_chunk: int | None = None) -> Posterior:
        """Whole by default; `latents_per_chunk` bounds memory and does not change the result."""
        self.grid.latent_frames(video_BCFHW.shape[2])
        x = unshuffle(video_BCFHW, self.config.front)
        size = x.shape[2] if latents_per_chunk is None else latents_per_chunk * self.grid.frames_per_latent
        moments: list[Tensor] = []
        past: Past = None
        start = 0
        while start < x.shape[2]:
            end = min(x.shape[2], start + size if start else max(1, size - self.grid.frames_per_latent + 1))
            end = x.shape[2] if latents_per_chunk is None else end
            y, past = self.encoder(fast_layout(x[:, :, start:end]), past)
            moments.append(self.conv1(y))
            start = end
        mean, logvar = torch.cat(moments, dim=2).chunk(2, dim=1)
        return Posterior(mean, logvar)

    def run_length(self, num_latents: int, wanted: int | None = None) -> int:
        return wanted or 4

    def decode_chunks(self, latent_BCTHW: RawLatent, *, latents_per_chunk: int = 1) -> Iterator[Tensor]:
        """Yield video_BCFHW chunk by chunk (1 frame, then 4 per latent), not clamped, from raw latents."""
        past: Past = None
        for chunk in latent_BCTHW.split(latents_per_chunk, dim=2):
            y, past = self.decoder(fast_layout(self.conv2(chunk)), past)
            yield shuffle(y, self.config.front)

    def decode(self, latent_BCTHW: RawLatent, *, latents_per_chunk: int | None = None) -> Tensor:
        """Raw latents -> video_BCFHW, not clamped."""
        size = latents_per_chunk or latent_BCTHW.shape[2]
        return torch.cat(list(self.decode_chunks(latent_BCTHW, latents_per_chunk=size)), dim=2)

    def normalize(self, raw_latent: RawLatent) -> NormalizedLatent:
        mean, std = self._statistics(raw_latent)
        return NormalizedLatent((raw_latent - mean) / std)

    def denormalize(self, latent: NormalizedLatent) -> RawLatent:
        mean, std = self._statistics(latent)
        return RawLatent(latent * std + mean)

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = (torch.tensor(v).to(like) for v in (self.config.latent_mean, self.config.latent_std))
        return mean.view(1, -1, 1, 1, 1), std.view(1, -1, 1, 1, 1)
