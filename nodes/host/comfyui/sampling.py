"""Our samplers as the host's SAMPLER, and AniSora Sampler's own run of them through the host's guider."""

# pyright: reportUntypedBaseClass=false
from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import cast

import comfy.model_management
import comfy.model_patcher
import comfy.sample
import comfy.samplers
import torch
from torch import Tensor

from ....anisora_core.diffusion.guidance import GuidanceRule, with_cfg
from ....anisora_core.diffusion.prediction import Velocity, denoiser
from ....anisora_core.diffusion.samplers import GRID_START, SAMPLERS
from ....anisora_core.domain.latents import RawLatent
from ....anisora_core.domain.noise import seeded_draws
from ....anisora_core.domain.protocols import Denoiser, Step, VelocityModel
from ....anisora_core.families import VideoTransformer
from ....anisora_core.generation.plan import SamplingPlan, require_finite
from ....anisora_core.generation.sampling import cached_attention
from ....anisora_core.layers.preview_decoder import PreviewDecoder
from ....anisora_core.runtime.faster_cache import FasterCache
from ..host_masks import from_concat_mask
from ..protocol import Conditioning, HostLatent
from .model import sampling_of, untruncated
from .objects import GuidedPrediction, Guider, ModelPatcher, SamplerArguments
from .preview import Progress

#: What the model of a release with two of them carries along.
LOW_NOISE = "anisora_low_noise"
#: What mini's model carries along: its decoder for previews.
PREVIEW = "anisora_preview"


class HostSampler(comfy.samplers.Sampler):
    """SAMPLER: one of ours by name. `whole` runs start at noise alone, as the authors' programs do.

    Told only levels, as in the host's own nodes, a run is whole from where the samplers' grids start; below that level it
    may be the rest of another run, or a latent image's.
    """

    def __init__(self, name: str, *, whole: bool = False) -> None:
        self.name, self.whole = name, whole

    def sample(
        self,
        model_wrap: Guider,
        sigmas: Tensor,
        extra_args: SamplerArguments,
        callback: Callable[..., None] | None,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        model_sampling = model_wrap.inner_model.model_sampling
        denoise = host_denoiser(model_wrap, sigmas, extra_args, noise, latent_image, denoise_mask)
        x = noise
        if not self.whole and float(sigmas[0]) < min(GRID_START.values()):
            x = model_sampling.noise_scaling(sigmas[0], noise, latent_image, False)
        with exact_timesteps(model_wrap) if self.name == "optimal" else nullcontext():
            for step in self.steps(denoise, x, sigmas.tolist(), extra_args.get("seed")):
                x = step.x
                if callback is not None:
                    callback(step.index, step.denoised, x, step.total)
        return model_sampling.inverse_noise_scaling(sigmas[-1], x)

    def steps(
        self, denoise: Denoiser, x: Tensor, sigmas: Sequence[float], seed: int | None
    ) -> Iterator[Step]:
        draw = seeded_draws(x.shape, seed or 0)
        draw()  # the first is the noise that sampling starts from
        return SAMPLERS[self.name](denoise, x, sigmas, lambda: draw().to(x))


@contextmanager
def exact_timesteps(model_wrap: Guider) -> Generator[None]:
    """While the block runs, timesteps reach the network untruncated."""
    inner = model_wrap.inner_model
    found = inner.model_sampling
    inner.model_sampling = untruncated(found)
    try:
        yield
    finally:
        inner.model_sampling = found


def host_denoiser(
    model_wrap: Guider,
    sigmas: Tensor,
    extra_args: SamplerArguments,
    noise: Tensor,
    latent_image: Tensor | None,
    denoise_mask: Tensor | None,
) -> Denoiser:
    """The host's guided model; where the mask keeps, it sees and gives the latent image."""
    inner = comfy.samplers.KSamplerX0Inpaint(model_wrap, sigmas)
    inner.latent_image, inner.noise = latent_image, noise

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return inner(x, x.new_full((x.shape[0],), sigma), **{**extra_args, "denoise_mask": denoise_mask})

    return denoise


def no_expert(x: Tensor, sigma: float) -> Tensor:
    raise AssertionError("a relay runs inside a guider")


class Relay(HostSampler):
    """One run over two experts: each plays the steps of its noise levels, in a guider of its own, on the same solver."""

    def __init__(self, plan: SamplingPlan) -> None:
        super().__init__(plan.sampler, whole=True)
        self.plan = plan
        self.denoise: Denoiser = no_expert
        self.running: Iterator[Step] | None = None
        self.done = 0

    def steps(
        self, denoise: Denoiser, x: Tensor, sigmas: Sequence[float], seed: int | None
    ) -> Iterator[Step]:
        """Those of the expert whose turn it is, with its denoiser."""
        levels, self.denoise = self.plan.sigmas, denoise
        if self.running is None:
            self.running = super().steps(lambda x, sigma: self.denoise(x, sigma), x, levels, seed)
        expert = self.plan.expert(levels[self.done])
        while self.done < len(levels) - 1 and self.plan.expert(levels[self.done]) == expert:
            step = next(self.running)
            self.done = step.index + 1
            yield step


class Guided(comfy.samplers.CFGGuider):
    """Classifier-free guidance as the settings have it: its scale may change with the noise level, and with the place; without
    a second pass at 1."""

    def __init__(
        self, model: ModelPatcher, positive: Conditioning, negative: Conditioning, plan: SamplingPlan
    ) -> None:
        super().__init__(model)
        self.set_conds(positive, negative)
        mask = positive[0][1].get("concat_mask")
        self.rule = plan.guidance_rule(None if mask is None else from_concat_mask(mask))

    def predict_noise(
        self,
        x: Tensor,
        timestep: Tensor,
        model_options: dict[str, object] | None = None,
        seed: int | None = None,
    ) -> Tensor:
        rule, options = self.rule, dict(model_options or {})
        self.cfg = rule.at(float(timestep.flatten()[0]))
        if rule.where_B1THW is not None and self.cfg != 1.0:

            def placed(made: GuidedPrediction) -> Tensor:
                return rule.placed(made["denoised"], made["cond_denoised"])

            options = comfy.model_patcher.set_model_options_post_cfg_function(options, placed)
        return super().predict_noise(x, timestep, options, seed)


class Cached(Guided):
    """With FasterCache: each pass on its own, as it guesses one from the other. Use it inside `cached_attention`."""

    def __init__(
        self,
        model: ModelPatcher,
        positive: Conditioning,
        negative: Conditioning,
        plan: SamplingPlan,
        cache: FasterCache,
    ) -> None:
        super().__init__(model, positive, negative, plan)
        assert isinstance(plan.prediction, Velocity)
        self.predicted = plan.prediction
        self.passes = cache.wrap(self.network("positive"), self.network("negative"))

    def network(self, which: str) -> VelocityModel:
        def output(x_vp: Tensor, timestep: Tensor) -> Tensor:
            x, sigma, options = self.now
            level = x.new_full((x.shape[0],), sigma)
            found = comfy.samplers.calc_cond_batch(self.inner_model, [self.conds[which]], x, level, options)
            return self.predicted.output(x, sigma, found[0])

        return output

    def predict_noise(
        self,
        x: Tensor,
        timestep: Tensor,
        model_options: dict[str, object] | None = None,
        seed: int | None = None,
    ) -> Tensor:
        sigma = float(timestep.flatten()[0])
        self.now = x, sigma, model_options or {}
        cond, uncond = (denoiser(self.predicted, one) for one in self.passes)
        return with_cfg(cond, uncond, GuidanceRule(self.rule.scale))(x, sigma)


def in_colours(denoised_BCTHW: Tensor, model: ModelPatcher) -> Tensor | None:
    """The clip as it stands, THWC 0..1: by mini's tiny decoder, or a pixel for a latent by the linear map of the VAE."""
    latent = denoised_BCTHW[:1].float().cpu()
    decoder = cast(PreviewDecoder | None, model.get_attachment(PREVIEW))
    if decoder is not None:
        return decoder(latent)
    colours = model.model.latent_format
    if colours.latent_rgb_factors is None:
        return None
    weight = torch.tensor(colours.latent_rgb_factors)
    bias = torch.tensor(colours.latent_rgb_factors_bias or [0.0] * 3)
    return ((torch.einsum("ck,cthw->thwk", weight, latent[0]) + bias + 1.0) / 2.0).clamp(0.0, 1.0)


def exact(model: ModelPatcher, plan: SamplingPlan) -> ModelPatcher:
    """A clone whose noise levels reach the network as the release's authors hand them over."""
    changed, found = model.clone(), model.get_model_object("model_sampling")
    wanted = sampling_of(plan.prediction, found)
    if wanted is not found:
        changed.add_object_patch("model_sampling", wanted)
    return changed


def sample(
    model: ModelPatcher,
    low_noise_model: ModelPatcher | None,
    positive: Conditioning,
    negative: Conditioning,
    latent: HostLatent,
    plan: SamplingPlan,
    seed: int,
) -> RawLatent:
    seconds_per_latent = plan.release.grid.frames_per_latent / plan.release.fps
    image: Tensor = comfy.sample.fix_empty_latent_channels(model, latent["samples"])
    noise = comfy.sample.prepare_noise(image, seed, None)
    sigmas = torch.tensor(plan.sigmas, dtype=torch.float32)
    cache = FasterCache() if plan.faster_cache else None
    progress = Progress(plan.steps)

    def report(index: int, denoised: Tensor, x: Tensor, total: int) -> None:
        require_finite(Step(index, total, x, denoised))
        progress.update(index + 1, in_colours(denoised, model), seconds_per_latent)

    def run(one: ModelPatcher, sampler: HostSampler) -> Tensor:
        patched, mask = exact(one, plan), latent.get("noise_mask")
        with cached_attention(cacheable(one, cache), cache):
            guider = Guided(patched, positive, negative, plan)
            if cache is not None:
                guider = Cached(patched, positive, negative, plan, cache)
            return guider.sample(
                noise,
                image,
                sampler,
                sigmas,
                denoise_mask=mask,
                callback=report,
                disable_pbar=True,
                seed=seed,
            )

    with progress:
        result = run_all(model, low_noise_model, plan, image, run)
    return RawLatent(result.to(comfy.model_management.intermediate_device()))


def cacheable(model: ModelPatcher, cache: FasterCache | None) -> VideoTransformer | None:
    """Our network inside; None for one of the host's own, or where it is not asked for."""
    network = model.model.diffusion_model
    return network if cache is not None and isinstance(network, VideoTransformer) else None


def run_all(
    model: ModelPatcher,
    low_noise_model: ModelPatcher | None,
    plan: SamplingPlan,
    image: Tensor,
    run: Callable[[ModelPatcher, HostSampler], Tensor],
) -> Tensor:
    """One model, or two of which each plays the steps of its noise levels."""
    release = plan.release
    if release.boundary is None:
        return run(model, HostSampler(plan.sampler, whole=True))
    low_noise_model = low_noise_model or cast(ModelPatcher | None, model.get_attachment(LOW_NOISE))
    if low_noise_model is None:
        raise ValueError(
            f"low_noise_model: release {release.name} has two models; connect the low noise model of AniSora Model Loader"
        )
    relay, result = Relay(plan), image
    for one, expert in ((model, "high"), (low_noise_model, "low")):
        if relay.done < plan.steps and plan.expert(plan.sigmas[relay.done]) == expert:
            result = run(one, relay)
    return result
