"""How strategies encode an example: its latent, and random keyframes of it as the guide.

Stills are never their own guide: a model that is shown its answer learns to copy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...conditioning.guide import canvas_of_keyframes, encode_per_keyframe
from ...conditioning.masks import pack_mask
from ...domain.conditions import Timeline
from ...domain.release import Release
from ...media.tensors import to_video
from ..lora.examples import Example, ExampleEncoders, Motion, frames_of
from ..random_conditions import ConditionMix, random_keyframes

#: (example, release, encoders, seed) -> latent and, where something is given, guide and mask; and what the prompt says of its motion.
ExampleEncoder = Callable[[Example, Release, ExampleEncoders, int], tuple[dict[str, Tensor], Motion]]
#: Keyframes of moving examples: AniSora's own program draws at most two, half of the clips have the first (facts of V1's
#: `shared_step`); the paper adds first and last (section 4.3, mask strategy).
KEYFRAMES = ConditionMix(
    nothing=0.0, first=0.5, first_and_last=0.2, last=0.1, motion_area=0.0, max_keyframes=2, weak_keyframe=0.0
)


def encode_example(
    example: Example, release: Release, encoders: ExampleEncoders, seed: int
) -> tuple[dict[str, Tensor], Motion]:
    """A still has neither guide nor mask, unless it is its own guide."""
    rng = example.rng(seed)
    frames, motion = frames_of(example, release, rng)
    latent = encoders.encode(to_video(frames)[None])[0]
    if example.self_guided:
        given = torch.ones_like(latent[: release.grid.frames_per_latent])
        return {"latent": latent, "guide": latent, "mask": given}, motion
    if example.kind == "still":
        return {"latent": latent}, motion
    return {"latent": latent, **encode_keyframes(example, frames, release, encoders, rng)}, motion


def encode_keyframes(
    example: Example,
    frames_FHWC: np.ndarray,
    release: Release,
    encoders: ExampleEncoders,
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """guide and mask of random keyframes, and image where the release takes it."""
    placed = random_keyframes(frames_FHWC, KEYFRAMES, rng, release.key_multiple)
    image = {"image": encoders.encode_image(placed[0].image_HWC[None])[0]} if encoders.encode_image else {}
    timeline = Timeline(len(frames_FHWC), example.fps, *example.size)
    if release.guide_method == "per_keyframe":
        # of two in one latent the authors' training keeps the first
        alone = {release.grid.latent_of_frame(key.frame): key for key in reversed(placed)}
        guide, mask = encode_per_keyframe(list(alone.values()), timeline, release.grid, encoders.encode)
        return {"guide": guide[0], "mask": mask[0], **image}
    canvas = canvas_of_keyframes(placed, timeline, release.between)
    guide = encoders.encode(canvas.video_CFHW[None])[0]
    return {"guide": guide, "mask": pack_mask(canvas.given_mask_FHW, release.grid), **image}
