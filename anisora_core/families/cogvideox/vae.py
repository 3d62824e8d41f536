"""The CogVideoX causal 3-D VAE (Yang et al. 2024, arXiv 2408.06072, section 2.1); module names equal SAT's.

Pixels are video_BCFHW in -1..1; latents are latent_BCTHW, 1 + 4 k frames to 1 + k. Convolutions remember the run before. A
clip is encoded as a whole, or in runs of frames to the same result, for which the group norms' statistics are measured over
all runs. It is decoded in runs of latents, the first longer by one, whose group norms see one run at a time: there the
lengths of runs are part of what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...domain.latents import NormalizedLatent, RawLatent
from ...domain.protocols import Ops
from ...layers.causal3d import causal_conv, per_frame
from ...layers.posterior import Posterior
from ..interface import VideoVAE
from .clip_norms import Computation, in_runs
from .config import CogVideoXVAEConfig

#: Each causal convolution -> the last frames that it has seen; filled run by run.
Past = dict[nn.Module, Tensor]
#: (a norm, x_BCTHW) -> the normalised x.
Normed = Callable[[nn.Module, Tensor], Tensor]
Part = Literal["all", "outer", "inner"]


def alone(norm: nn.Module, x: Tensor) -> Tensor:
    return norm(x)


class CausalConv(nn.Module):
    """Before the clip lies its first frame, repeated."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, ops: Ops) -> None:
        super().__init__()
        self.conv = ops.Conv3d(in_channels, out_channels, kernel, padding=(0, kernel // 2, kernel // 2))
        self.keep = kernel - 1

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        before = None if past is None else past.get(self)
        first = x[:, :, :1].expand(-1, -1, self.keep, -1, -1)
        y, last = causal_conv(self.conv, x, first if before is None else before)
        if past is not None and last is not None:
            past[self] = last.clone()  # as a view it would keep the whole run
        return y


def apart(x: Tensor) -> list[Tensor]:
    """The clip's first frame for itself where a run has it (an odd number of frames), then the rest."""
    return [x[:, :, :1], x[:, :, 1:]] if x.shape[2] > 1 and x.shape[2] % 2 else [x]


class SpatialNorm(nn.Module):
    """Group norm scaled and shifted by the latent at every place (Zheng et al. 2022, arXiv 2209.09002, section 3.2)."""

    def __init__(self, channels: int, config: CogVideoXVAEConfig, *, ops: Ops) -> None:
        super().__init__()
        self.norm_layer = ops.GroupNorm(config.groups, channels, eps=config.eps)
        self.conv_y = CausalConv(config.channels, channels, 1, ops=ops)
        self.conv_b = CausalConv(config.channels, channels, 1, ops=ops)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        parts = zip(apart(x), apart(latent), strict=True)
        near = torch.cat([F.interpolate(z, size=part.shape[-3:]) for part, z in parts], dim=2)
        return self.norm_layer(x) * self.conv_y(near) + self.conv_b(near)


class ResidualBlock(nn.Module):
    """With `follows_latent`, the decoder's form, whose norms read the latent."""

    def __init__(
        self, inside: int, outside: int, config: CogVideoXVAEConfig, *, ops: Ops, follows_latent: bool
    ) -> None:
        super().__init__()

        def norm(channels: int) -> nn.Module:
            if follows_latent:
                return SpatialNorm(channels, config, ops=ops)
            return ops.GroupNorm(config.groups, channels, eps=config.eps)

        self.norm1, self.conv1 = norm(inside), CausalConv(inside, outside, 3, ops=ops)
        self.norm2, self.conv2 = norm(outside), CausalConv(outside, outside, 3, ops=ops)
        if inside != outside:
            self.nin_shortcut = ops.Conv3d(inside, outside, 1)

    def forward(self, x: Tensor, normed: Normed, past: Past | None = None) -> Tensor:
        y = self.conv1(F.silu(normed(self.norm1, x)), past)
        y = self.conv2(F.silu(normed(self.norm2, y)), past)
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + y


class Downsample(nn.Module):
    """Time by averaging pairs, the first frame of the clip kept for itself; space by a strided convolution."""

    def __init__(self, channels: int, *, halves_time: bool, ops: Ops) -> None:
        super().__init__()
        self.conv, self.halves_time = ops.Conv2d(channels, channels, 3, stride=2), halves_time

    def forward(self, x: Tensor) -> Tensor:
        if self.halves_time and x.shape[2] > 1:
            first, rest = x[:, :, : x.shape[2] % 2], x[:, :, x.shape[2] % 2 :]
            x = torch.cat([first, rest.unflatten(2, (-1, 2)).mean(3)], dim=2)
        return per_frame(self.conv, F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Nearest neighbours, the first frame of the clip not doubled in time, then a convolution of each frame."""

    def __init__(self, channels: int, *, doubles_time: bool, ops: Ops) -> None:
        super().__init__()
        self.conv, self.doubles_time = ops.Conv2d(channels, channels, 3, padding=1), doubles_time

    def forward(self, x: Tensor) -> Tensor:
        parts = apart(x) if self.doubles_time else [x]
        doubled = [
            F.interpolate(part, scale_factor=(1 + (self.doubles_time and part.shape[2] > 1), 2, 2))
            for part in parts
        ]
        return per_frame(self.conv, torch.cat(doubled, dim=2))


class Level(nn.Module):
    """Residual blocks of one resolution; SAT calls the step to the next `downsample` or `upsample`."""

    def __init__(
        self, widths: Sequence[int], config: CogVideoXVAEConfig, *, ops: Ops, follows_latent: bool
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            ResidualBlock(a, b, config, ops=ops, follows_latent=follows_latent) for a, b in pairwise(widths)
        )


class Middle(nn.Module):
    def __init__(self, width: int, config: CogVideoXVAEConfig, *, ops: Ops, follows_latent: bool) -> None:
        super().__init__()
        self.block_1 = ResidualBlock(width, width, config, ops=ops, follows_latent=follows_latent)
        self.block_2 = ResidualBlock(width, width, config, ops=ops, follows_latent=follows_latent)


class Encoder(nn.Module):
    """Of two parts: the levels with more frames than latents, and what follows, whose input is small enough to be kept."""

    def __init__(self, config: CogVideoXVAEConfig, *, ops: Ops) -> None:
        super().__init__()
        self.outer_levels = config.temporal_levels
        widths = [config.dim * mult for mult in config.mults]
        self.conv_in = CausalConv(3, widths[0], 3, ops=ops)
        self.down = nn.ModuleList()
        for index, width in enumerate(widths):
            inside = widths[max(0, index - 1)]
            level = Level([inside, *[width] * config.num_res_blocks], config, ops=ops, follows_latent=False)
            if index < len(widths) - 1:
                level.downsample = Downsample(width, halves_time=index < config.temporal_levels, ops=ops)
            self.down.append(level)
        self.mid = Middle(widths[-1], config, ops=ops, follows_latent=False)
        self.norm_out = ops.GroupNorm(config.groups, widths[-1], eps=config.eps)
        self.conv_out = CausalConv(widths[-1], 2 * config.channels, 3, ops=ops)

    def forward(
        self, x: Tensor, part: Part = "all", normed: Normed = alone, past: Past | None = None
    ) -> Tensor:
        """The clip, or a run of it, through both parts or one of them."""
        if part != "inner":
            x = self.levels(self.conv_in(x, past), self.down[: self.outer_levels], normed, past)
        if part == "outer":
            return x
        x = self.levels(x, self.down[self.outer_levels :], normed, past)
        for block in (self.mid.block_1, self.mid.block_2):
            x = block(x, normed, past)
        return self.conv_out(F.silu(normed(self.norm_out, x)), past)

    def levels(self, x: Tensor, levels: Iterable[nn.Module], normed: Normed, past: Past | None) -> Tensor:
        for level in levels:
            for block in level.block:  # type: ignore[union-attr]
                x = block(x, normed, past)
            if hasattr(level, "downsample"):
                x = level.downsample(x)  # type: ignore[operator]
        return x


class Decoder(nn.Module):
    def __init__(self, config: CogVideoXVAEConfig, *, ops: Ops) -> None:
        super().__init__()
        widths = [config.dim * mult for mult in config.mults]
        self.conv_in = CausalConv(config.channels, widths[-1], 3, ops=ops)
        self.mid = Middle(widths[-1], config, ops=ops, follows_latent=True)
        self.up = nn.ModuleList()
        for index, width in enumerate(widths):
            inside = widths[min(index + 1, len(widths) - 1)]
            level = Level(
                [inside, *[width] * (config.num_res_blocks + 1)], config, ops=ops, follows_latent=True
            )
            if index:
                steps_left = len(widths) - 1 - index
                level.upsample = Upsample(width, doubles_time=steps_left < config.temporal_levels, ops=ops)
            self.up.append(level)
        self.norm_out = SpatialNorm(widths[0], config, ops=ops)
        self.conv_out = CausalConv(widths[0], 3, 3, ops=ops)

    def forward(self, latent: Tensor, past: Past | None = None) -> Tensor:
        def normed(norm: nn.Module, x: Tensor) -> Tensor:
            return norm(x, latent)

        x = self.conv_in(latent, past)
        for block in (self.mid.block_1, self.mid.block_2):
            x = block(x, normed, past)
        for level in reversed(self.up):
            for block in level.block:  # type: ignore[union-attr]
                x = block(x, normed, past)
            if hasattr(level, "upsample"):
                x = level.upsample(x)  # type: ignore[operator]
        return self.conv_out(F.silu(normed(self.norm_out, x)), past)


class CogVideoXVAE(VideoVAE):
    any_run_length = False
    encodes_with = MappingProxyType({"latents_per_run": 1})

    def __init__(self, config: CogVideoXVAEConfig, *, ops: Ops = nn) -> None:  # type: ignore[assignment]
        super().__init__()
        self.config, self.grid = config, config.grid
        self.encoder = Encoder(config, ops=ops)
        self.decoder = Decoder(config, ops=ops)

    def encode(self, video_BCFHW: Tensor, *, latents_per_run: int | None = None) -> Posterior:
        """The whole clip at once, as AniSora does, or in runs: the same within rounding (4e-6 in float32), in memory that does not grow with
        the clip, but V1's in 7 times the computation. ValueError for a length that is not 1 + 4 k."""
        total = video_BCFHW.shape[2]
        self.grid.latent_frames(total)
        length = total if latents_per_run is None else latents_per_run * self.grid.frames_per_latent
        if total <= 1 + length:
            return Posterior(*self.encoder(video_BCFHW).chunk(2, dim=1))

        def pass_through(part: Part) -> Computation:
            past: Past = {}
            return lambda x, norms: self.encoder(x, part, norms, past)

        # the first run is longer by one; what the outer levels leave of a frame has 4 numbers a pixel and is kept
        rest = total - 1 - length
        lengths = [1 + length, *[length] * (rest // length), *([rest % length] if rest % length else [])]
        runs = in_runs(video_BCFHW.split(lengths, 2), partial(pass_through, "outer"))
        moments = torch.cat(in_runs(runs, partial(pass_through, "inner")), dim=2)
        return Posterior(*moments.chunk(2, dim=1))

    def run_length(self, num_latents: int, wanted: int | None = None) -> int:
        """Latents decoded at once after the first: 2 as V1's authors have it, or all but the first; never what is wanted, since
        another number gives other pixels."""
        return self.config.latents_per_run or max(2, (num_latents - 1) // 2 * 2)

    def decode_chunks(
        self, latent_BCTHW: RawLatent, *, latents_per_chunk: int | None = None
    ) -> Iterator[Tensor]:
        """Yield video_BCFHW run by run, not clamped, from raw latents: 1 + `latents_per_chunk` of them, then so many each.

        None is `run_length`; another even number gives other pixels. ValueError where the latents do not come out even.
        """
        total = latent_BCTHW.shape[2]
        latents_per_chunk = latents_per_chunk or self.run_length(total)
        assert latents_per_chunk % 2 == 0, "latents_per_chunk must be even"
        if (total - 1) % latents_per_chunk:
            raise ValueError(
                f"{total} latent frames cannot be decoded {latents_per_chunk} at a time after the first; make the clip "
                f"{self.grid.frames_per_latent * latents_per_chunk} k + 1 frames long"
            )
        first = min(total, 1 + latents_per_chunk)
        past: Past = {}
        for run in latent_BCTHW.split(
            [first, *[latents_per_chunk] * ((total - first) // latents_per_chunk)], 2
        ):
            yield self.decoder(run, past)

    def decode(self, latent_BCTHW: RawLatent, *, latents_per_chunk: int | None = None) -> Tensor:
        """Raw latents -> video_BCFHW, not clamped."""
        return torch.cat(list(self.decode_chunks(latent_BCTHW, latents_per_chunk=latents_per_chunk)), dim=2)

    def normalize(self, raw_latent: RawLatent) -> NormalizedLatent:
        return NormalizedLatent(raw_latent * self.config.scale)

    def denormalize(self, latent: NormalizedLatent) -> RawLatent:
        return RawLatent(latent / self.config.scale)
