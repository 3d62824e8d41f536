"""Frames between keyframes: made from two and from four, against three baselines and what the VAE alone loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...domain.release import Release
from ...generation.components import Components
from ..metrics.baselines import BASELINES, gain_over_baselines
from ..metrics.fidelity import SquaredError, pooled, squared_error
from ..reference_clips import MovingClip, generate, reconstruct, request_like

#: The names of `BASELINES`; two, four: made from so many keyframes; vae: reconstructed; keys, vae_keys: at the keyframes.
Errors = Mapping[str, SquaredError]


def inbetween_errors(components: Components, release: Release, clip: MovingClip) -> Errors:
    """Over truly moving pixels of the frames that are keyframes neither among two nor among four."""
    truth, last = clip.frames_FHWC, len(clip.frames_FHWC) - 1
    two, four = [0, last], [0, last // 3, 2 * last // 3 + 1, last]
    between = [frame for frame in range(last + 1) if frame not in four]
    where = clip.moving_FHW[between] | clip.moving_FHW[[frame - 1 for frame in between]]
    from_two, from_four = (
        generate(components, release, request_like(release, clip, keyframes)) for keyframes in (two, four)
    )
    rebuilt = reconstruct(components.vae, truth)
    rows = {name: make(truth[0], truth[-1], last + 1) for name, make in BASELINES.items()}
    rows |= {"two": from_two, "four": from_four}
    errors = {name: squared_error(row[between], truth[between], where) for name, row in rows.items()}
    return errors | {
        "vae": squared_error(rebuilt, truth),
        "keys": squared_error(from_two[two], truth[two]),
        "vae_keys": squared_error(rebuilt[two], truth[two]),
    }


def pooled_psnr(rows: Sequence[Errors]) -> dict[str, float]:
    """Each name's error over all clips, in dB; {} for no clips."""
    return {name: pooled(row[name] for row in rows).psnr for name in rows[0]} if rows else {}


def gain(psnr: Mapping[str, float]) -> float:
    """Of two keyframes over the best baseline, in dB; NaN over no clips."""
    return gain_over_baselines(psnr["two"], psnr) if psnr else float("nan")


def clip_gain(errors: Errors) -> float:
    return gain({name: errors[name].psnr for name in ("two", *BASELINES)})
