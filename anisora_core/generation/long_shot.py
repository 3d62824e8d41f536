"""A shot of any length: its windows one after another, each kept when it is done, and one decode over all of them."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..conditioning.timeline import place
from ..conditioning.windows import (
    HandedOver,
    ShotWindow,
    area_of,
    default_way,
    encode_window,
    hand_over,
    keyframes_of,
    plan_windows,
    text_of,
    window_timeline,
)
from ..domain.conditions import Handover, PlacedKeyframe, PlacedTimeline, Segment
from ..domain.latents import NormalizedLatent
from ..domain.protocols import Step
from ..domain.release import Release
from ..families import VideoVAE
from ..lora.apply import LoraUse
from .components import Components
from .kept_windows import KeptWindows, fingerprint_of
from .pipeline import (
    Event,
    Frames,
    Notes,
    PipelineStage,
    Request,
    decode_frames,
    encode_text,
    plan_of_request,
    posterior_rng,
    vae_encoder,
)
from .plan import SamplingPlan
from .sampling import effects_of, sample

#: In names of LoRA files for Stable Video Infinity, which their tensors do not tell from others.
_SVI = re.compile(r"(?<![a-z])svi(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class LongShot:
    """What to make. `request`: its timeline is of any legal length, its motion area one mask or one for each frame of it.

    `segments`: texts for frames of it, added to the prompt. `window_frames` None: the release's own length. `way` None: `svi` with a LoRA
    for it, else `default_way`. `handed` None: `HANDED`. The windows' seeds are the request's and those that follow it. `loop`: the last frame
    is the first one again, as a keyframe; leave it out, and the clip repeats without a jump.
    """

    request: Request
    segments: tuple[Segment, ...] = ()
    window_frames: int | None = None
    way: Handover | None = None
    handed: int | None = None
    loop: bool = False

    def way_for(self, release: Release) -> Handover:
        if self.way is not None:
            return self.way
        return "svi" if uses_svi(self.request.loras) else default_way(release.guide_rules)

    def windows(self, release: Release) -> tuple[ShotWindow, ...]:
        """ValueError for what `plan_windows` refuses."""
        return plan_windows(
            self.request.timeline.num_frames,
            self.window_frames or release.num_frames,
            release.guide_rules,
            self.way_for(release),
            self.handed,
        )


@dataclass(frozen=True)
class WindowMade:
    """A window is done: sampled now, or `kept` from before. `latent_BCTHW`: its new latents."""

    index: int
    total: int
    latent_BCTHW: NormalizedLatent
    kept: bool


def uses_svi(loras: Sequence[LoraUse]) -> bool:
    return any(_SVI.search(use.lora.source.stem) for use in loras)


def make_long_shot(
    components: Components, release: Release, shot: LongShot, kept: KeptWindows | None = None
) -> Iterator[Event | WindowMade]:
    """Yield events while making the shot; after the last window come its frames, of one decode. ValueError for what cannot be made."""
    latents: list[NormalizedLatent] = []
    for event in make_windows(components, release, shot, kept):
        if isinstance(event, WindowMade):
            latents.append(event.latent_BCTHW)
        yield event
    yield PipelineStage("decode")
    start = 0
    for frames in shown_frames(components.vae, joined(latents), shot):
        yield Frames(frames, start)
        start += frames.shape[0]


def shown_frames(vae: VideoVAE, latent: NormalizedLatent, shot: LongShot) -> Iterator[Tensor]:
    """Runs of frames_FHWC 0..1; of a loop without the last frame."""
    left = shot.request.timeline.num_frames - shot.loop
    for frames in decode_frames(vae, latent):
        yield frames[:left]
        left -= len(frames[:left])


def joined(latents: Sequence[NormalizedLatent]) -> NormalizedLatent:
    """New latents of all windows -> latents of the shot."""
    return NormalizedLatent(torch.cat(list(latents), dim=2))


def make_windows(
    components: Components, release: Release, shot: LongShot, kept: KeptWindows | None = None
) -> Iterator[Event | WindowMade]:
    """The windows alone: a `WindowMade` after the steps of each."""
    request, way, windows = shot.request, shot.way_for(release), shot.windows(release)
    placed = place(request.timeline, release.key_multiple, release.program_fit)
    keyframes = keyframes_of(placed, windows)
    made_of = fingerprint_of((release.name, way, windows, replace(shot, request=replace(request, loras=()))))
    run = WindowRun(components, release, plan_of_request(release, request), way)
    yield Notes((*placed.report, *effects_of(components.transformer, request.loras)))
    first: NormalizedLatent | None = None
    previous: NormalizedLatent | None = None
    for index, window in enumerate(windows):
        latent = None if kept is None else kept.read(index, made_of)
        was_kept = latent is not None
        if latent is None:
            yield PipelineStage(f"window {index + 1} of {len(windows)}")
            own = replace(
                request,
                prompt=text_of(request.prompt, shot.segments, window, placed.fps),
                motion_area=area_of(request.motion_area, window, placed.num_frames),
                seed=(request.seed + index) % (1 << 64),
            )
            timeline = window_timeline(placed, window, keyframes[index])
            if shot.loop and index + 1 == len(windows):
                timeline = closed(components.vae, timeline, first, release)
            handed = None
            if previous is not None:
                handed = hand_over(previous, torch.cat(list(decode_frames(components.vae, previous))), window)
            anchor_HWC = anchor_of(components.vae, timeline, first)
            latent = yield from run.sampled(own, timeline, handed, anchor_HWC)
            if kept is not None:
                kept.write(index, made_of, latent)
        latent = NormalizedLatent(latent.to(next(components.vae.parameters()).device))
        first, previous = first if index else first_of(latent), latent
        yield WindowMade(
            index, len(windows), NormalizedLatent(latent[:, :, window.first_new_latent :]), was_kept
        )


def closed(
    vae: VideoVAE, timeline: PlacedTimeline, first: NormalizedLatent | None, release: Release
) -> PlacedTimeline:
    """With the shot's first frame as a keyframe on the window's last frame. ValueError where that cannot be given, or is another drawing's."""
    last = timeline.num_frames - 1
    if release.key_multiple is None or last % release.key_multiple:
        raise ValueError(
            f"loop: release {release.name} takes no drawing on the clip's last frame; use another length or release"
        )
    if any(key.frame == last for key in timeline.keyframes):
        raise ValueError(
            "loop: there is a keyframe on the last frame, where the first one comes again; remove it"
        )
    if first is not None:
        picture = next(iter(decode_frames(vae, first)))[0]
    elif timeline.keyframes and timeline.keyframes[0].frame == 0:
        picture = timeline.keyframes[0].image_HWC
    else:
        raise ValueError(
            "loop: a clip of one window needs a drawing on its first frame; add a keyframe there"
        )
    return replace(timeline, keyframes=(*timeline.keyframes, PlacedKeyframe(last, picture, 1.0)))


def first_of(latent: NormalizedLatent) -> NormalizedLatent:
    return NormalizedLatent(latent[:, :, :1])


def anchor_of(vae: VideoVAE, timeline: PlacedTimeline, first: NormalizedLatent | None) -> Tensor:
    """The drawing in force when a window begins, else the first frame of the shot, whose latent is `first`; grey in the first window."""
    if timeline.before is not None:
        return timeline.before.image_HWC
    if first is None:
        return torch.full((timeline.height, timeline.width, 3), 0.5)
    return next(iter(decode_frames(vae, first)))[0]


@dataclass(frozen=True)
class WindowRun:
    """What is the same for all windows of a shot."""

    components: Components
    release: Release
    plan: SamplingPlan
    way: Handover

    def sampled(
        self,
        request: Request,
        timeline: PlacedTimeline,
        handed: HandedOver[NormalizedLatent] | None,
        anchor_HWC: Tensor,
    ) -> Generator[Step | Notes, None, NormalizedLatent]:
        """Yield the steps of one window, return its latents; those handed over are in them as they were."""
        features = encode_text(self.components, self.release, request, timeline)
        guide = encode_window(
            timeline,
            self.way,
            handed,
            self.release.guide_rules,
            vae_encoder(self.components.vae, posterior_rng(request)),
            anchor_HWC=anchor_HWC,
            motion_area=request.motion_area,
        )
        if said := tuple(sentence for sentence in guide.report if sentence not in timeline.report):
            yield Notes(said)
        latent = guide.latent_BCTHW
        for step in sample(
            self.components.transformer, guide, features, self.plan, request.seed, request.loras
        ):
            yield step
            latent = NormalizedLatent(step.x)
        return latent if handed is None else handed.put_into(latent)
