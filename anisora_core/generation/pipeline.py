"""The one composition: timeline, motion area and words -> latents -> frames, as a generator of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..conditioning.guide import encode_guide
from ..conditioning.prompt import compose_prompt
from ..conditioning.timeline import flatten_alpha, place
from ..domain.conditions import (
    POSTERIOR_USES,
    MotionArea,
    PlacedTimeline,
    PosteriorUse,
    TextFeatures,
    Timeline,
)
from ..domain.latents import NormalizedLatent, RawLatent
from ..domain.protocols import Step
from ..domain.release import Guidance, Release
from ..families import VideoVAE
from ..lora.apply import LoraUse
from ..media.tensors import to_frames
from .components import Components
from .plan import SamplingPlan, plan_sampling
from .sampling import effects_of, sample


@dataclass(frozen=True)
class Request:
    """What to make. None means the release's own default. `negative` None: the release's negative prompt.

    `posterior`: how drawings are encoded; samples are drawn from the seed, apart from the clip's noise.
    """

    timeline: Timeline
    prompt: str = ""
    negative: str | None = None
    motion_area: MotionArea | None = None
    motion_score: float | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    shift: float | None = None
    sampler: str | None = None
    guidance: Guidance | None = None
    faster_cache: bool = False
    posterior: PosteriorUse = "mode"
    loras: tuple[LoraUse, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class PipelineStage:
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


Event = PipelineStage | Notes | Step | Frames


def make_clip(components: Components, release: Release, request: Request) -> Iterator[Event]:
    """Yield events while making the clip; the last ones are its frames. ValueError for what cannot be made."""
    plan = plan_of_request(release, request)
    timeline = place(request.timeline, release.key_multiple, release.program_fit)
    yield PipelineStage("text")
    features = encode_text(components, release, request, timeline)
    yield PipelineStage("guide")
    guide = encode_guide(
        timeline,
        release.guide_rules,
        vae_encoder(components.vae, posterior_rng(request)),
        motion_area=request.motion_area,
    )
    yield Notes((*guide.report, *effects_of(components.transformer, request.loras)))
    yield PipelineStage("sample")
    latent = guide.latent_BCTHW
    for step in sample(components.transformer, guide, features, plan, request.seed, request.loras):
        yield step
        latent = NormalizedLatent(step.x)
    yield PipelineStage("decode")
    start = 0
    for frames in decode_frames(components.vae, latent):
        yield Frames(frames, start)
        start += frames.shape[0]


def plan_of_request(release: Release, request: Request) -> SamplingPlan:
    """ValueError for an unknown sampler or guidance, or a number that is none."""
    return plan_sampling(
        release,
        steps=request.steps,
        sampler=request.sampler,
        shift=request.shift,
        cfg_scale=request.cfg_scale,
        guidance=request.guidance,
        faster_cache=request.faster_cache,
        size=(request.timeline.height, request.timeline.width),
    )


def encode_text(
    components: Components, release: Release, request: Request, timeline: PlacedTimeline
) -> TextFeatures:
    """The prompt with the release's tail, what stands against it, and the drawing that is the first in time."""
    prompt = compose_prompt(request.prompt, release, request.motion_score)
    text = components.text_encoder.encode([prompt])
    if release.zero_negative:
        no_text = torch.zeros_like(text)
    else:
        negative = release.negative_prompt if request.negative is None else request.negative
        no_text = components.text_encoder.encode([negative])
    drawing = timeline.first_drawing_HWC
    if not release.has_clip_vision or drawing is None:
        return TextFeatures(text, no_text)
    if components.image_encoder is None:
        raise ValueError(
            f"release {release.name} needs the first drawing encoded by CLIP; load its image encoder"
        )
    return TextFeatures(text, no_text, components.image_encoder.encode(flatten_alpha(drawing)[None]))


def posterior_rng(request: Request) -> torch.Generator | None:
    """For samples of the posterior, None for its mode. Another stream than the noise's, which would be the same numbers.

    ValueError for a name that is neither.
    """
    if request.posterior not in POSTERIOR_USES:
        raise ValueError(f"unknown posterior {request.posterior!r}; use one of {', '.join(POSTERIOR_USES)}")
    if request.posterior == "mode":
        return None
    # the low 32 bits are all that torch's generator takes of a seed
    return torch.Generator("cpu").manual_seed((request.seed ^ 0x9E3779B9) % (1 << 64))


def vae_encoder(vae: VideoVAE, rng: torch.Generator | None = None) -> Callable[[Tensor], NormalizedLatent]:
    """video_BCFHW on any device -> normalised float32 latents on the VAE's device: the posterior's mode, or samples by `rng`."""

    def encode(video_BCFHW: Tensor) -> NormalizedLatent:
        with torch.inference_mode():
            weight = next(vae.parameters())
            # a run at a time: memory does not grow with the clip (the mean differs by rounding, 4e-6 at most in float32)
            posterior = vae.encode_in_runs(video_BCFHW.to(weight))
            latent = posterior.mode() if rng is None else posterior.sample(rng)
            return vae.normalize(RawLatent(latent.float()))

    return encode


def decode_frames(
    vae: VideoVAE, latent_BCTHW: NormalizedLatent, *, latents_per_chunk: int | None = None
) -> Iterator[Tensor]:
    """Normalised latents of one clip -> runs of frames_FHWC float 0..1 on the CPU."""
    chunk = vae.run_length(latent_BCTHW.shape[2], latents_per_chunk)
    with torch.inference_mode():
        raw = RawLatent(vae.denormalize(latent_BCTHW).to(next(vae.parameters())))
        for video in vae.decode_chunks(raw, latents_per_chunk=chunk):
            yield to_frames(video[0])
