"""The one composition: timeline, motion area and words -> latents -> frames, as a generator of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .checkpoints.load import Components
from .conditioning.guide import encode_guide
from .conditioning.prompt import compose_prompt
from .diffusion.guidance import with_cfg, with_hold
from .diffusion.prediction import Flow, VelocityModel
from .diffusion.samplers import GRID_START, SAMPLERS
from .diffusion.schedules import flow_sigmas
from .domain.conditions import Guide, MotionArea, Timeline
from .domain.noise import seeded_noise
from .domain.protocols import Denoiser, Step
from .models.wan.transformer import WanTransformer
from .models.wan.vae import WanVAE
from .releases import Release


@dataclass(frozen=True)
class Request:
    """What to make. None means the release's own default. `negative` None: the release's negative prompt."""

    timeline: Timeline
    prompt: str = ""
    negative: str | None = None
    motion_area: MotionArea | None = None
    motion_score: float | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    shift: float | None = None
    sampler: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Phase:
    """A new part of the work begins: text, guide, sample or decode."""

    name: str


@dataclass(frozen=True)
class Frames:
    """A decoded run of the clip, in order: frames_FHWC float 0..1."""

    frames_FHWC: Tensor
    start: int


@dataclass(frozen=True)
class Notes:
    """Sentences for the artist: what was snapped, cropped or is in doubt."""

    sentences: tuple[str, ...] = field(default=())


Event = Phase | Notes | Step | Frames


def make_clip(components: Components, release: Release, request: Request) -> Iterator[Event]:
    """Yield events while making the clip; the last ones are its frames. ValueError for what cannot be made."""
    yield Phase("text")
    score = release.motion_score if request.motion_score is None else request.motion_score
    prompt = compose_prompt(request.prompt, release.prompt_tail, score)
    negative = release.negative_prompt if request.negative is None else request.negative
    text, no_text = (components.text_encoder.encode([words]) for words in (prompt, negative))
    yield Phase("guide")
    guide = encode_guide(
        request.timeline,
        release.grid,
        vae_encoder(components.vae),
        motion_area=request.motion_area,
        default_way=release.motion_way,
        key_multiple=release.key_multiple,
        between=release.between,
    )
    yield Notes(guide.report)
    yield Phase("sample")
    cfg_scale = release.cfg_scale if request.cfg_scale is None else request.cfg_scale
    flow = Flow(truncate_timestep=release.truncate_timestep)
    cond, uncond = (flow.denoiser(guided_model(components.transformer, guide, t)) for t in (text, no_text))
    latent = guide.latent_BCTHW
    for step in sample(
        with_cfg(cond, uncond, cfg_scale),
        seeded_noise(latent.shape, request.seed).to(latent.device),
        guide,
        steps=request.steps or release.steps,
        shift=request.shift or release.shift,
        sampler=request.sampler or release.sampler,
    ):
        yield step
        latent = step.x
    yield Phase("decode")
    start = 0
    for frames in decode_frames(components.vae, latent):
        yield Frames(frames, start)
        start += frames.shape[0]


def sample(
    denoise: Denoiser, noise: Tensor, guide: Guide, *, steps: int, shift: float, sampler: str
) -> Iterator[Step]:
    """Run a sampler from pure noise; ValueError for an unknown sampler or when the model returns no numbers."""
    if sampler not in SAMPLERS:
        raise ValueError(f"unknown sampler {sampler!r}; use one of {', '.join(SAMPLERS)}")
    if guide.hold is not None:
        denoise = with_hold(denoise, guide.hold, noise)
    sigmas = flow_sigmas(steps, shift, start=GRID_START[sampler])
    with torch.inference_mode():
        for step in SAMPLERS[sampler](denoise, noise, sigmas):
            if not torch.isfinite(step.denoised).all():
                raise ValueError(
                    f"latents are not finite at step {step.index + 1} of {step.total}; "
                    "load the model in bf16 or float32, or lower cfg"
                )
            yield step


def guided_model(transformer: WanTransformer, guide: Guide, text_BLD: Tensor) -> VelocityModel:
    """Concatenate noise, packed mask and guide, in that order (AniSora paper, section 4.1; Wan2.1 I2V)."""
    condition = torch.cat([guide.mask_BMTHW.to(guide.latent_BCTHW), guide.latent_BCTHW], dim=1)

    def velocity(x_BCTHW: Tensor, timestep_B: Tensor) -> Tensor:
        x = torch.cat([x_BCTHW, condition.to(x_BCTHW)], dim=1)
        return transformer(x.to(transformer.dtype), timestep_B, text_BLD)

    return velocity


def vae_encoder(vae: WanVAE) -> Callable[[Tensor], Tensor]:
    """video_BCFHW on any device -> normalised float32 latents on the VAE's device."""

    def encode(video_BCFHW: Tensor) -> Tensor:
        with torch.inference_mode():
            weight = next(vae.parameters())
            return vae.normalize(vae.encode(video_BCFHW.to(weight)).mode().float())

    return encode


def decode_frames(vae: WanVAE, latent_BCTHW: Tensor, *, latents_per_chunk: int = 4) -> Iterator[Tensor]:
    """Normalised latents of one clip -> runs of frames_FHWC float 0..1 on the CPU."""
    with torch.inference_mode():
        raw = vae.denormalize(latent_BCTHW).to(next(vae.parameters()))
        for video in vae.decode_chunks(raw, latents_per_chunk=latents_per_chunk):
            yield (video[0].movedim(0, -1).float().cpu() / 2.0 + 0.5).clamp(0.0, 1.0)
