"""The flow-matching loss of true clips from their first frames, at fixed noise and four noise levels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...conditioning.guide import encode_guide
from ...conditioning.prompt import compose_prompt
from ...conditioning.timeline import place
from ...data.cartoons import CartoonClip
from ...diffusion.prediction import Flow
from ...domain.conditions import Guide, Keyframe, Timeline
from ...domain.release import Release
from ...families import VideoTransformer
from ...generation.components import Components
from ...generation.pipeline import vae_encoder
from ...generation.sampling import conditioned
from ...lora.apply import LoraUse, changes_to, live
from ...media.tensors import to_floats, to_video

SIGMAS = (0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class EncodedClip:
    """Normalised latents of a true clip, the guide of its first frame, and its caption's features."""

    latent_BCTHW: Tensor
    guide: Guide
    text_BLD: Tensor


@torch.no_grad()
def encode_clips(components: Components, release: Release, clips: Sequence[CartoonClip]) -> list[EncodedClip]:
    encode = vae_encoder(components.vae)
    encoded: list[EncodedClip] = []
    for clip in clips:
        frames = clip.frames_FHWC
        first = Keyframe(to_floats(frames[0]))
        timeline = Timeline(len(frames), clip.fps, frames.shape[1], frames.shape[2], (first,))
        guide = encode_guide(place(timeline, release.key_multiple), release.guide_rules, encode)
        prompt = compose_prompt(clip.caption, release, clip.motion_score)
        text = components.text_encoder.encode([prompt])
        encoded.append(EncodedClip(encode(to_video(frames)[None]), guide, text))
    return encoded


@torch.no_grad()
def held_out_loss(
    transformer: VideoTransformer, clips: Sequence[EncodedClip], loras: Sequence[LoraUse] = ()
) -> float:
    changes = changes_to(transformer, loras) if loras else None
    errors: list[float] = []
    with live(transformer, changes) if changes else nullcontext():
        for number, clip in enumerate(clips):
            x0 = clip.latent_BCTHW
            noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(number))
            model = conditioned(transformer, clip.guide, clip.text_BLD)
            for sigma in SIGMAS:
                x = Flow().add_noise(x0, noise, torch.tensor(sigma))
                out = model(x, torch.tensor([sigma * 1000.0]))
                errors.append(float((out - Flow().target(x0, noise)).square().mean()))
    return float(np.mean(errors))
