"""What a run of the sampler does, decided once from the release and the artist's settings; the core and both hosts carry it out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ..diffusion.guidance import GuidanceRule, Scale, early, rising, unconstrained, v1_reference
from ..diffusion.optimal_steps import listed_sigmas
from ..diffusion.prediction import Prediction
from ..diffusion.samplers import GRID_START, SAMPLERS
from ..domain.protocols import Step
from ..domain.release import GUIDANCE, Guidance, Release
from ..families import family_of

#: Of a release with two networks, the one for high and the one for low noise levels; "" where there is one network.
Expert = Literal["", "high", "low"]
#: What an artist may pick.
SAMPLER_NAMES = tuple(SAMPLERS)


@dataclass(frozen=True)
class SamplingPlan:
    """Of one run; `plan_sampling` fills in the release's own."""

    release: Release
    steps: int
    sampler: str
    shift: float
    cfg_scale: float
    guidance: Guidance
    faster_cache: bool = False

    @cached_property
    def sigmas(self) -> tuple[float, ...]:
        """ValueError for a number of steps outside its range, or without a list for the sampler `optimal`."""
        if self.sampler == "optimal":
            lists = self.release.step_lists
            if self.steps not in lists:
                known = " or ".join(map(str, lists)) or "another sampler: this release has no list"
                raise ValueError(f"sampler optimal has no list of {self.steps} steps; use {known}")
            return listed_sigmas(lists[self.steps], self.shift)
        return family_of(self.release).sigmas(self.steps, self.shift, GRID_START.get(self.sampler, 1.0))

    @cached_property
    def prediction(self) -> Prediction:
        """V2's program for step lists hands timesteps over as they are, where its scheduler truncates (OSS/model_wrap.py)."""
        exact = replace(self.release, truncate_timestep=False) if self.sampler == "optimal" else self.release
        return family_of(self.release).prediction(exact, self.steps)

    @property
    def scale(self) -> float | Scale:
        gain, predicted = self.cfg_scale - 1.0, self.prediction
        if self.guidance == "rising":
            return rising(gain, self.sigmas)
        if self.guidance == "early":
            return early(self.cfg_scale)
        if self.guidance == "authors":
            return v1_reference(gain, lambda sigma: int(predicted.timestep(sigma)), steps=self.steps)
        return self.cfg_scale

    def where(self, mask_BMTHW: Tensor) -> Tensor | None:
        """Where guidance acts, [B, 1, T, H, W]; None: everywhere."""
        return unconstrained(mask_BMTHW) if self.guidance == "open" and mask_BMTHW.shape[1] else None

    def guidance_rule(self, mask_BMTHW: Tensor | None) -> GuidanceRule:
        """`mask_BMTHW`: the packed given mask, for releases that have one."""
        return GuidanceRule(self.scale, None if mask_BMTHW is None else self.where(mask_BMTHW))

    def expert(self, sigma: float) -> Expert:
        """The network of a noise level."""
        if self.release.boundary is None:
            return ""
        return "high" if self.prediction.timestep(sigma) >= 1000.0 * self.release.boundary else "low"


def plan_sampling(
    release: Release,
    *,
    steps: int | None = None,
    sampler: str | None = None,
    shift: float | None = None,
    cfg_scale: float | None = None,
    guidance: Guidance | None = None,
    faster_cache: bool = False,
    size: tuple[int, int] | None = None,
) -> SamplingPlan:
    """None means the release's own; `size` (height, width) of the clip can decide its shift. ValueError for an unknown name, listing the known ones."""
    chosen = sampler or release.sampler
    if chosen not in SAMPLER_NAMES:
        raise ValueError(f"sampler {chosen!r} is unknown; use one of {', '.join(SAMPLER_NAMES)}")
    curve = guidance or release.guidance
    if curve not in GUIDANCE:
        raise ValueError(f"guidance {curve!r} is unknown; use one of {', '.join(GUIDANCE)}")
    for name, value in (("shift", shift), ("cfg", cfg_scale)):
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name} {value} must be a number")
    own_shift = release.shift if size is None or chosen == "optimal" else release.shift_for(size)
    return SamplingPlan(
        release,
        release.steps if steps is None else steps,
        chosen,
        own_shift if shift is None else shift,
        release.cfg_scale if cfg_scale is None else cfg_scale,
        curve,
        faster_cache,
    )


def require_finite(step: Step) -> None:
    """ValueError when the network returned NaN or infinity."""
    if not torch.isfinite(step.denoised).all():
        raise ValueError(
            f"latents are not finite at step {step.index + 1} of {step.total}; "
            "load the model in bf16 or float32, or lower cfg"
        )
