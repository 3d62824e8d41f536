"""The guide: keyframes and motion area painted on a canvas, encoded once by the causal VAE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor

from ..domain.conditions import (
    Between,
    Canvas,
    Guide,
    GuideRules,
    LatentLock,
    MotionArea,
    MotionMethod,
    PlacedKeyframe,
    PlacedTimeline,
    Timeline,
)
from ..domain.grid import LatentGrid
from ..domain.latents import Latent
from ..media.optical_flow import warped
from ..media.tensors import centred, to_bytes, to_video
from .masks import fit_area, latent_area, pack_mask
from .timeline import holding_keyframe, require_legal

#: video_BCFHW in -1..1 -> latent_BCTHW, raw or normalised.
Encoder = Callable[[Tensor], Latent]


def canvas_of_keyframes(
    placed: Sequence[PlacedKeyframe], timeline: Timeline | PlacedTimeline, between: Between = "grey"
) -> Canvas:
    """Each keyframe on its frame, mixed with grey by 1 - strength, and by its own mask; the given mask carries both.

    Other frames have mask 0 and show grey, or with `flow` the nearest keyframe, and between two their in-between
    along optical flow.
    """
    video = torch.zeros(3, timeline.num_frames, timeline.height, timeline.width)
    mask = torch.zeros(timeline.num_frames, timeline.height, timeline.width)
    for key in placed:
        given = key.strength if key.given_HW is None else key.strength * key.given_HW
        video[:, key.frame] = given * centred(key.image_HWC)
        mask[key.frame] = given
    if between == "flow" and placed:
        first, last = placed[0].frame, placed[-1].frame
        video[:, :first], video[:, last + 1 :] = video[:, first, None], video[:, last, None]
        if (then := placed[-1].then_HWC) is not None:
            count = timeline.num_frames - 1 - last
            shares = torch.arange(1, count + 1)[:, None, None] / max(1, count)
            video[:, last + 1 :] = torch.lerp(video[:, last + 1 :], centred(then)[:, None], shares)
        for earlier, later in pairwise(placed):
            if later.frame - earlier.frame > 1:
                video[:, earlier.frame + 1 : later.frame] = flowing(earlier, later)
    return Canvas(video, mask)


def flowing(earlier: PlacedKeyframe, later: PlacedKeyframe) -> Tensor:
    """CFHW of the frames between two keyframes: both carried along their flow and mixed by distance and strength."""
    shares = torch.arange(1, later.frame - earlier.frame) / (later.frame - earlier.frame)
    pictures = to_bytes(earlier.image_HWC), to_bytes(later.image_HWC)
    from_earlier, from_later = map(to_video, warped(*pictures, shares.tolist()))
    u = shares[:, None, None]
    return (1.0 - u) * earlier.strength * from_earlier + u * later.strength * from_later


def mask_conditioning(canvas: Canvas, placed: Sequence[PlacedKeyframe], area_FHW: Tensor) -> Canvas:
    """Way `condition`: outside the area every frame is given, from the keyframe in force there; keyframes are given whole, but of a run
    only its first frame, as in AniSora anymask's program for masks in space."""
    video, mask = canvas.video_CFHW.clone(), canvas.given_mask_FHW.clone()
    keyed = {key.frame: key for key in placed}
    for frame in range(mask.shape[0]):
        if frame in keyed:
            if keyed[frame].continues:
                video[:, frame] *= 1.0 - area_FHW[frame]
                mask[frame] *= 1.0 - area_FHW[frame]
            continue
        key = holding_keyframe(placed, frame)
        given = (1.0 - area_FHW[frame]) * key.strength
        video[:, frame] = torch.lerp(video[:, frame], centred(key.image_HWC), given)
        mask[frame] = given
    return Canvas(video, mask)


def keyframe_mask(canvas: Canvas, placed: Sequence[PlacedKeyframe], area_FHW: Tensor) -> Canvas:
    """Way `paper`: a guide frame's mask is the area itself (M_F of the AniSora paper, section 4.2.2), not 1."""
    mask = canvas.given_mask_FHW.clone()
    for key in placed:
        mask[key.frame] = area_FHW[key.frame] * key.strength
    return Canvas(canvas.video_CFHW, mask)


def locked_video(placed: Sequence[PlacedKeyframe], timeline: Timeline | PlacedTimeline) -> Tensor:
    """video_CFHW in which every frame shows the keyframe in force."""
    frames = [centred(holding_keyframe(placed, f).image_HWC) for f in range(timeline.num_frames)]
    return torch.stack(frames, dim=1)


def disagreement(placed: Sequence[PlacedKeyframe], area_FHW: Tensor, *, threshold: float = 0.1) -> float:
    """Largest share of pixels outside the area where two consecutive keyframes differ by more than `threshold`."""
    shares = [0.0]
    drawn = [key for key in placed if not (key.continues or key.handed) and key.given_HW is None]
    for earlier, later in pairwise(drawn):
        outside = area_FHW[later.frame] < 0.5
        differs = (earlier.image_HWC - later.image_HWC).abs().amax(-1) > threshold
        shares.append(float((differs & outside).sum() / outside.sum().clamp_min(1)))
    return max(shares)


def encode_guide(
    timeline: PlacedTimeline,
    rules: GuideRules,
    encode: Encoder[Latent],
    *,
    motion_area: MotionArea | None = None,
) -> Guide[Latent]:
    """Timeline and motion area -> what the transformer sees. ValueError for what this release cannot be given."""
    rules.grid.latent_shape(timeline.num_frames, timeline.height, timeline.width)
    require_legal(timeline, rules.key_multiple)
    placed, report = timeline.keyframes, timeline.report
    area, method = None, rules.motion_method
    if motion_area is not None:
        if not timeline.in_force:
            raise ValueError("motion_area: there is no keyframe for the part that stays still; add one")
        method = rules.motion_method if motion_area.method == "auto" else motion_area.method
        area = fit_area(motion_area, timeline.num_frames, timeline.height, timeline.width)
        share = disagreement(timeline.in_force, area)
        if share > 0.01:
            report += (
                f"keyframes disagree on {share:.0%} of the pixels outside the motion area; "
                "the still part changes at each keyframe",
            )
    lock: LatentLock[Latent] | None = None
    if area is not None and method == "hold":
        lock = LatentLock(
            encode(locked_video(timeline.in_force, timeline)[None]), 1.0 - latent_area(area, rules.grid)[None]
        )
    given_area = None if method == "hold" else area
    if rules.method == "per_keyframe":
        if given_area is not None:
            raise ValueError(f"way {method!r}: this model has no mask channels; use 'hold' (latent lock)")
        latent, mask = encode_per_keyframe(placed, timeline, rules.grid, encode)
    else:
        canvas = dense_canvas(timeline, rules, given_area, method)
        latent = encode(canvas.video_CFHW[None])
        mask = pack_mask(canvas.given_mask_FHW, rules.grid, rules.mask_resize)[None]
    if not torch.isfinite(latent).all():
        raise ValueError("vae: the encoded keyframes are not finite; load the VAE in float32")
    return Guide(latent, mask, lock, report)


def dense_canvas(
    timeline: PlacedTimeline, rules: GuideRules, area_FHW: Tensor | None, method: MotionMethod
) -> Canvas:
    canvas = canvas_of_keyframes(timeline.keyframes, timeline, rules.between)
    if area_FHW is None:
        return canvas
    if method == "condition":
        return mask_conditioning(canvas, timeline.in_force, area_FHW)
    return keyframe_mask(canvas, timeline.keyframes, area_FHW)


def encode_per_keyframe(
    placed: Sequence[PlacedKeyframe],
    timeline: Timeline | PlacedTimeline,
    grid: LatentGrid,
    encode: Encoder[Latent],
) -> tuple[Latent, Tensor]:
    """(latent_BCTHW, mask of no channels): each keyframe encoded alone, in the latent its frame is part of; else zero.

    AniSora V1: that a latent is given shows in its not being zero. ValueError for two keyframes in one latent.
    """
    shape = grid.latent_shape(timeline.num_frames, timeline.height, timeline.width)
    slots: dict[int, PlacedKeyframe] = {}
    for key in placed:
        if key.given_HW is not None:
            raise ValueError("given: this model has no mask channels; give whole pictures")
        other = slots.setdefault(grid.latent_of_frame(key.frame), key)
        if other is not key:
            raise ValueError(
                f"keyframes on frames {other.frame} and {key.frame} fall into one latent frame of this release; "
                f"move one {grid.frames_per_latent} frames away"
            )
    pictures = [key.strength * centred(key.image_HWC) for key in slots.values()]
    blank = torch.zeros(
        3, timeline.height, timeline.width
    )  # tells the latent's channels where there is no keyframe
    alone = [encode(picture[None, :, None]) for picture in pictures or [blank]]
    latent = alone[0].new_zeros(1, alone[0].shape[1], *shape)
    for slot, one in zip(slots, alone, strict=False):
        latent[:, :, slot] = one[:, :, 0]
    return cast(Latent, latent), latent[:, :0]
