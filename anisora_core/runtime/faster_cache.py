"""FasterCache (Lv et al. 2024, arXiv 2410.19355) with the constants that AniSora V1's program fixes for 50 steps.

Two savings, both guesses from earlier steps: the pass with text is rebuilt from the one without, and in those same steps the
attention of the pass without text is continued in a straight line. Full steps, in which both passes run, guess nothing. With
fewer than 18 steps nothing is saved.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ..domain.protocols import AttentionFunction, AttentionLayer, VelocityModel

FIRST_SKIP = 18
FULL_EVERY = 5
LOW_UNTIL, HIGH_FROM, GROWTH = 40, 30, 1.1
ATTENTION_EVERY, SLOPE = 3, 0.3


class FasterCache:
    """One run. `step` counts from 1; a new timestep is a new step."""

    def __init__(self) -> None:
        self.step, self._timestep = 0, float("nan")
        self._branch, self._base = "", None
        self._low: Tensor | None = None
        self._high: Tensor | None = None

    @property
    def is_planned_full(self) -> bool:
        """Both passes run, and all of their attention."""
        return self.step < FIRST_SKIP or self.step % FULL_EVERY == 0

    @property
    def is_full(self) -> bool:
        """Planned so, or there is no difference yet to rebuild the pass with text from."""
        return self.is_planned_full or self._low is None

    def wrap(self, cond: VelocityModel, uncond: VelocityModel) -> tuple[VelocityModel, VelocityModel]:
        """The pair to sample with; of each step `uncond` comes first, as `with_cfg` calls them."""

        def without_text(x: Tensor, timestep: Tensor) -> Tensor:
            self._enter("uncond", timestep)
            self._base = uncond(x, timestep)
            return self._base

        def with_text(x: Tensor, timestep: Tensor) -> Tensor:
            self._enter("cond", timestep)
            if self._base is not None and not self.is_full:
                return self._rebuilt(self._base)
            out = cond(x, timestep)
            if self._base is not None and self.step >= FIRST_SKIP - 2:
                self._keep(out, self._base)
            return out

        return with_text, without_text

    def _enter(self, branch: str, timestep: Tensor) -> None:
        now = float(timestep[0])
        if now != self._timestep:
            self.step, self._timestep, self._base = self.step + 1, now, None
        self._branch = branch

    def _keep(self, out: Tensor, base: Tensor) -> None:
        """The difference of both passes, low and high frequencies of each frame and channel apart."""
        difference = torch.fft.fft2(out.float()) - torch.fft.fft2(base.float())
        low = low_pass(*out.shape[-2:]).to(out.device)
        self._low, self._high = difference * low, difference * ~low

    def _rebuilt(self, base: Tensor) -> Tensor:
        assert self._low is not None
        assert self._high is not None
        if self.step <= LOW_UNTIL:
            self._low = self._low * GROWTH
        if self.step >= HIGH_FROM:
            self._high = self._high * GROWTH
        spectrum = torch.fft.fft2(base.float()) + self._low + self._high
        return torch.fft.ifft2(spectrum).real.to(base.dtype)

    @contextmanager
    def cached_attention(self, layers: Sequence[AttentionLayer]) -> Generator[None]:
        """While the block runs, `layers` skip two of three attentions from step 18 on, but none in a full step. Keeps two outputs
        per layer: 24 GB in bfloat16 for V1 at 720p, 49 frames."""
        originals = [layer.attention for layer in layers]
        for layer, original in zip(layers, originals, strict=True):
            layer.attention = self._continued(original)
        try:
            yield
        finally:
            for layer, original in zip(layers, originals, strict=True):
                layer.attention = original

    def _continued(self, attention: AttentionFunction) -> AttentionFunction:
        # By pass, since at cfg 1 the one with text runs alone.
        kept: dict[str, tuple[Tensor, ...]] = {}

        def attend(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
            if self._base is not None:  # the second pass of a full step, which no later step continues
                return attention(q, k, v, num_heads)
            known = kept.get(self._branch, ())
            if not self.is_planned_full and self.step % ATTENTION_EVERY and len(known) == 2:
                return known[1] + SLOPE * (known[1] - known[0])
            out = attention(q, k, v, num_heads)
            if self.step >= FIRST_SKIP - 3:
                kept[self._branch] = (*known[-1:], out)
            return out

        return attend


def low_pass(height: int, width: int) -> Tensor:
    """bool HW in the order of `fft2`: frequencies within a circle of radius min(height, width) // 5 around zero."""
    rows = torch.fft.fftfreq(height, 1.0 / height)[:, None]
    columns = torch.fft.fftfreq(width, 1.0 / width)[None]
    return rows.square() + columns.square() <= (min(height, width) // 5) ** 2
