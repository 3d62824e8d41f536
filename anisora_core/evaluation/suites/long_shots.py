"""Long shots of cartoons whose camera stands still: how far each way of continuing drifts, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from ...domain.conditions import HANDOVERS, Handover, Keyframe, Timeline
from ...domain.release import Release
from ...generation.components import Components
from ...generation.long_shot import LongShot, make_long_shot
from ...generation.pipeline import Frames, Request
from ...media.tensors import to_bytes, to_floats
from ..metrics.drift import PartDrift, drift_of_parts, joint_changes
from ..metrics.fidelity import squared_error
from ..metrics.mask_precision import area_around
from ..metrics.seams import loop_seam
from ..reference_clips import MovingClip, generate, reconstruct

#: `chain`: clips made one by one, each from the last frame of the one before, decoded alone and put together; the others are ways of
#: `conditioning.windows`.
Continued = Literal["chain"] | Handover
CONTINUED: tuple[Continued, ...] = ("chain", *HANDOVERS)
#: Pixels this close to a moving one are not counted as still.
MARGIN = 6


@dataclass(frozen=True)
class ShotDrift:
    """`parts`: in order; the first has no joint before it. `joints`: the change at each joint by the median change."""

    parts: tuple[PartDrift, ...]
    joints: tuple[float, ...]


def request_for(release: Release, clip: MovingClip, num_frames: int) -> Request:
    """The clip's first frame is the drawing, at the clip's size; its caption and motion score go on for the whole shot."""
    height, width = clip.frames_FHWC.shape[1:3]
    drawing = Keyframe(to_floats(clip.frames_FHWC[0]), "first")
    return Request(
        Timeline(num_frames, release.fps, height, width, (drawing,)),
        prompt=clip.caption,
        motion_score=clip.motion_score,
        seed=clip.seed,
    )


def continued_frames(
    components: Components, release: Release, clip: MovingClip, way: Continued, num_frames: int
) -> tuple[np.ndarray, list[int]]:
    """uint8 frames_FHWC of the shot, and the frame after each joint."""
    request = request_for(release, clip, num_frames)
    if way == "chain":
        return chained(components, release, request)
    shot = LongShot(request, way=way)
    frames = long_frames(components, release, shot)
    return frames, [window.new_frames.start for window in shot.windows(release)[1:]]


def chained(components: Components, release: Release, request: Request) -> tuple[np.ndarray, list[int]]:
    """Whole clips of the release's length, until the shot is as long as asked for."""
    timeline, frames = request.timeline, np.empty((0, 0))
    one = replace(request, timeline=replace(timeline, num_frames=release.num_frames))
    joints: list[int] = []
    while not joints or len(frames) < timeline.num_frames:
        made = generate(components, release, one)
        frames = np.concatenate([frames, made[1:]]) if joints else made
        joints.append(len(frames))
        last = Keyframe(to_floats(frames[-1]), "first")
        one = replace(one, timeline=replace(one.timeline, keyframes=(last,)), seed=one.seed + 1)
    return frames[: timeline.num_frames], [joint for joint in joints if joint < timeline.num_frames]


def measure_shot(clip: MovingClip, frames_FHWC: np.ndarray, joints: Sequence[int], parts: int) -> ShotDrift:
    """Against the clip's first frame, where nothing moves in the true clip."""
    still = np.logical_not(area_around(clip.moving_FHW, MARGIN))
    drifts = drift_of_parts(frames_FHWC, clip.frames_FHWC[0], still, parts)
    return ShotDrift(tuple(drifts), tuple(joint_changes(frames_FHWC, joints)))


@dataclass(frozen=True)
class ClosedShot:
    """The drawing stands on the last frame, too. `last_psnr`: of that frame to the drawing, dB; `vae_psnr`: of the drawing through the VAE
    alone; `seam`: without that frame, `metrics.seams.loop_seam`."""

    last_psnr: float
    vae_psnr: float
    seam: float


def measure_closed(components: Components, release: Release, clip: MovingClip, num_frames: int) -> ClosedShot:
    """By the release's own way of continuing."""
    request, drawing = request_for(release, clip, num_frames), clip.frames_FHWC[:1]
    (key,) = request.timeline.keyframes
    keyframes = (key, replace(key, position="last"))
    closed = replace(request, timeline=replace(request.timeline, keyframes=keyframes))
    frames = long_frames(components, release, LongShot(closed))
    return ClosedShot(
        last_psnr=squared_error(frames[-1:], drawing).psnr,
        vae_psnr=squared_error(reconstruct(components.vae, drawing), drawing).psnr,
        seam=loop_seam(frames[:-1]),
    )


def long_frames(components: Components, release: Release, shot: LongShot) -> np.ndarray:
    """uint8 frames_FHWC."""
    events = make_long_shot(components, release, shot)
    return to_bytes(torch.cat([event.frames_FHWC for event in events if isinstance(event, Frames)]))


def summarize_closed(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of rows as `asdict` has them: means over shots, and the worst seam."""
    means = {name: round(float(np.mean([row[name] for row in rows])), 2) for name in rows[0]}
    return means | {"worst_seam": round(max(row["seam"] for row in rows), 2)}


def as_row(drift: ShotDrift) -> dict[str, Any]:
    return asdict(drift)


def summarize(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of the shots of one way, as `as_row` has them: means over shots for each part; and what the last part is by the first."""
    parts = {
        name: np.mean([[part[name] for part in row["parts"]] for row in rows], axis=0)
        for name in ("static_psnr", "colour", "detail", "motion")
    }
    joints = [joint for row in rows for joint in row["joints"]]
    rounded = {name: [round(float(value), 3) for value in values] for name, values in parts.items()}
    return {
        **rounded,
        "psnr_lost": round(float(parts["static_psnr"][0] - parts["static_psnr"][-1]), 2),
        "colour_last": round(float(parts["colour"][-1]), 2),
        "joint": round(float(np.mean(joints)), 2),
        "worst_joint": round(float(np.max(joints)), 2),
        "motion_kept": round(float(parts["motion"][-1] / parts["motion"][0]), 3),
        "detail_kept": round(float(parts["detail"][-1] / parts["detail"][0]), 3),
    }
