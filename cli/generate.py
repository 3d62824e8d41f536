"""`anisora generate`: one clip from drawings and a prompt."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..anisora_core.conditioning.camera import camera_keyframes, parse_camera
from ..anisora_core.domain.conditions import (
    FITS,
    HANDOVERS,
    MOTION_METHODS,
    POSTERIOR_USES,
    Keyframe,
    MotionArea,
    Timeline,
)
from ..anisora_core.domain.latents import NormalizedLatent, RawLatent
from ..anisora_core.domain.protocols import Step
from ..anisora_core.domain.release import GUIDANCE, Release
from ..anisora_core.families import VideoVAE
from ..anisora_core.generation.loading import find_files, load_release, load_vae
from ..anisora_core.generation.long_shot import LongShot, WindowMade, joined, make_windows
from ..anisora_core.generation.pipeline import Event, Notes, Request, decode_frames
from ..anisora_core.generation.plan import SAMPLER_NAMES
from ..anisora_core.media.images import read_mask
from ..anisora_core.media.tensors import to_bytes
from ..anisora_core.releases import DEFAULT_RELEASE, RELEASES, find_release
from ..anisora_core.runtime.precision import fast_dtype
from ..nodes.host.latent_file import read_latent
from ..nodes.host.standalone import Progress, device, model_file
from .arguments import (
    add_placement_options,
    keyframe_file,
    named_files,
    parse_keyframe,
    parse_lora,
    parse_prompt_at,
    parse_size,
    placement_of,
)
from .clip_file import GeneratedClip, check_out, keeping, write_clip
from .kept_beside import kept_beside, networks_of, telling
from .output import add_json_option, print_facts


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="anisora generate", description="Make one clip.")
    add_model_options(root)
    add_placement_options(root)
    add_drawing_options(root)
    add_clip_options(root)
    add_long_shot_options(root)
    add_sampling_options(root)
    add_json_option(root)
    return root


def add_model_options(root: argparse.ArgumentParser) -> None:
    group = root.add_argument_group("model")
    group.add_argument("--model", default=DEFAULT_RELEASE, help=f"release: {', '.join(RELEASES)}")
    group.add_argument(
        "--weights",
        metavar="FILE",
        help="transformer, V3.2's high noise one, or a folder made by `anisora train mini`; this and the other files are "
        "paths, or names in the folder ANISORA_MODELS, laid out as ComfyUI's models",
    )
    group.add_argument("--low-noise", metavar="FILE", help="V3.2's low noise transformer")
    group.add_argument("--vae", metavar="FILE")
    group.add_argument("--text-encoder", metavar="FILE")
    group.add_argument("--image-encoder", metavar="FILE", help="CLIP ViT-H of V2, V3, V3.1 and anymask")
    group.add_argument(
        "--lora",
        action="append",
        default=[],
        metavar="FILE[:STRENGTH[:LOW]][@BLOCKS]",
        help="a LoRA file in any common format; repeat for several. LOW: the strength on V3.2's low noise transformer; "
        "BLOCKS: strength factors per block, for example 0-9=0.5,20=0",
    )


def add_drawing_options(root: argparse.ArgumentParser) -> None:
    group = root.add_argument_group("drawings")
    group.add_argument(
        "--keyframe",
        action="append",
        default=[],
        metavar="IMG@POS[@STRENGTH]",
        help="a drawing and its position in the clip: 12, 0.5s, 50%%, first, last; repeat for several. A video gives its frames "
        "from the position on, at last up to the end",
    )
    group.add_argument(
        "--fit", choices=FITS, default=FITS[0], help="for drawings whose aspect ratio is not the clip's"
    )
    group.add_argument(
        "--posterior",
        choices=POSTERIOR_USES,
        default=POSTERIOR_USES[0],
        help="encode drawings as the mode of the VAE's posterior, or as a sample of it drawn with the seed",
    )
    group.add_argument(
        "--camera",
        metavar="MOVE",
        help="a camera move over the one drawing, as keyframes of what it sees: pan left 20%%, pan right, tilt up, tilt down, zoom in 50%%, zoom out",
    )
    group.add_argument("--motion-mask", type=Path, metavar="PNG", help="mask of what may move, in white")
    group.add_argument(
        "--motion-method",
        "--motion-way",
        choices=MOTION_METHODS,
        default=MOTION_METHODS[0],
        help="how the rest is kept still. auto: the release's own method; condition: mask conditioning; hold: latent lock; "
        "paper: keyframe mask of the AniSora paper",
    )


def add_clip_options(root: argparse.ArgumentParser) -> None:
    group = root.add_argument_group("clip")
    group.add_argument("--prompt", default="")
    group.add_argument("--negative", help="negative prompt")
    group.add_argument(
        "--motion-score", type=float, help="how much motion the clip has; in place of a score in the prompt"
    )
    group.add_argument(
        "--length",
        type=int,
        help="frames; more than the release's own length are made in windows, as --join says, which are kept beside --out until the "
        "clip is there: a stopped command goes on where it was",
    )
    group.add_argument("--size", metavar="WxH", help="pixels")
    group.add_argument("--fps", type=float)
    group.add_argument(
        "--out", type=Path, default=Path("clip.mp4"), help=".mp4, .webp, or .png for a contact sheet"
    )
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the file --out even if it is not a clip of this program; never a drawing that was given",
    )
    group.add_argument(
        "--latents",
        type=Path,
        metavar="FILE",
        help="decode the latents that were kept when a clip could not be decoded or written, instead of sampling",
    )


def add_sampling_options(root: argparse.ArgumentParser) -> None:
    group = root.add_argument_group("sampling")
    group.add_argument("--seed", type=int, default=0)
    group.add_argument("--steps", type=int)
    group.add_argument("--cfg", type=float)
    group.add_argument("--shift", type=float)
    group.add_argument("--sampler", help="one of " + ", ".join(SAMPLER_NAMES))
    group.add_argument(
        "--guidance",
        choices=GUIDANCE,
        help="CFG schedule: constant; rising: from 1 up to --cfg; early: at the noisiest steps only; authors: V1 reference; "
        "open: not between two keyframes or outside the motion area",
    )
    group.add_argument(
        "--faster-cache",
        action="store_true",
        help="V1: FasterCache, as in AniSora V1's own program",
    )


def add_long_shot_options(root: argparse.ArgumentParser) -> None:
    group = root.add_argument_group("long shots")
    group.add_argument(
        "--join",
        choices=("auto", *HANDOVERS, "whole"),
        default="auto",
        help="how a window continues the one before it. auto: the release's own way. latents: its last latents are given. anchored: those, "
        "and the drawing in force. frame: its last frame. svi: for LoRAs of Stable Video Infinity 2.0 Pro. whole: one window of any length",
    )
    group.add_argument("--window", type=int, metavar="FRAMES", help="of each window; the release's length")
    group.add_argument(
        "--handed", type=int, metavar="LATENTS", help="how many a window is given of the one before it"
    )
    group.add_argument(
        "--loop",
        action="store_true",
        help="the clip ends where it began, and repeats without a jump; it has one frame less",
    )
    group.add_argument(
        "--prompt-at",
        action="append",
        default=[],
        metavar="START-END=TEXT",
        help="what happens in a part of the clip, as 2s-4s=TEXT, beside --prompt; repeat for several",
    )


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    since = time.monotonic()
    release = find_release(options.model)
    given = [*map(keyframe_file, options.keyframe), *filter(None, [options.motion_mask])]
    check_out(options.out, given, overwrite=options.overwrite)
    if options.latents:
        latent, vae, fps, notes = *kept_latents(release, options), ()
    else:
        latent, vae, fps, notes = sampled(release, shot_of(options, release), options)

    count = vae.grid.num_frames(latent.shape[2]) - options.loop

    def frames() -> Iterator[np.ndarray]:
        runs = (frame for run in decode_frames(vae, latent) for frame in to_bytes(run))
        yield from itertools.islice(runs, count)
        check_out(options.out, given, overwrite=options.overwrite)

    with keeping(RawLatent(vae.denormalize(latent)), fps, options):
        check_out(options.out, given, overwrite=options.overwrite)  # it may be there by now
        write_clip(GeneratedClip(frames(), fps), options.out)
    if not options.latents:
        kept_beside(options.out).remove()
    facts = {"file": str(options.out), "frames": count, "notes": list(notes)}
    print_facts({**facts, "seconds": round(time.monotonic() - since, 1)}, options)
    return 0


def request_of(options: argparse.Namespace, release: Release) -> Request:
    width, height = parse_size(options.size) if options.size else release.size
    area = None
    if options.motion_mask:
        area = MotionArea(read_mask(options.motion_mask)[None], options.motion_method, 2.0)
    num_frames, fps = options.length or release.num_frames, options.fps or release.fps
    timeline = Timeline(
        num_frames=num_frames,
        fps=fps,
        height=height,
        width=width,
        keyframes=tuple(parse_keyframe(text, fps, num_frames) for text in options.keyframe),
        fit=options.fit,
    )
    if options.camera:
        timeline = replace(timeline, keyframes=moved_over(timeline, options.camera, release))
    return Request(
        timeline=timeline,
        prompt=options.prompt,
        negative=options.negative,
        motion_area=area,
        motion_score=options.motion_score,
        steps=options.steps,
        cfg_scale=options.cfg,
        shift=options.shift,
        sampler=options.sampler,
        guidance=options.guidance,
        faster_cache=options.faster_cache,
        loras=tuple(parse_lora(text) for text in options.lora),
        posterior=options.posterior,
        seed=options.seed,
    )


def moved_over(timeline: Timeline, camera: str, release: Release) -> tuple[Keyframe, ...]:
    """What the camera sees of the one drawing, as keyframes. ValueError for several drawings, or a release that takes one only."""
    if len(timeline.keyframes) != 1:
        raise ValueError(
            f"--camera: it moves over one drawing, and there are {len(timeline.keyframes)}; give one --keyframe"
        )
    if release.key_multiple is None:
        raise ValueError(
            f"--camera: release {release.name} takes a drawing on the first frame only; write the move into --prompt"
        )
    size = timeline.height, timeline.width
    return camera_keyframes(timeline.keyframes[0].image_HWC, parse_camera(camera), timeline.num_frames, *size)


def shot_of(options: argparse.Namespace, release: Release) -> LongShot:
    request = request_of(options, release)
    timeline = request.timeline
    return LongShot(
        request,
        tuple(parse_prompt_at(text, timeline.num_frames, timeline.fps) for text in options.prompt_at),
        window_frames=timeline.num_frames if options.join == "whole" else options.window,
        way=None if options.join in ("auto", "whole") else options.join,
        handed=options.handed,
        loop=options.loop,
    )


def sampled(
    release: Release, shot: LongShot, options: argparse.Namespace
) -> tuple[NormalizedLatent, VideoVAE, float, tuple[str, ...]]:
    """Latents, what decodes them, frames per second and notes; with progress and notes on the standard error."""
    windows = len(shot.windows(release))
    files = find_files(release, named_files(options), model_file)
    dtype, where = fast_dtype(device()), placement_of(options)
    kept = kept_beside(options.out, networks_of(files, options)) if windows > 1 else None
    components = load_release(release, files, dtype, device(), placement=where)
    with telling(kept):
        latent, notes = followed(
            make_windows(components, release, shot, kept), windows, shot.request.steps or release.steps
        )
    return latent, components.vae, shot.request.timeline.fps, notes


def followed(
    events: Iterable[Event | WindowMade], windows: int, steps: int
) -> tuple[NormalizedLatent, tuple[str, ...]]:
    """Latents of the whole shot and notes; progress and notes on the standard error while they come. `steps`: of each window."""
    latents: list[NormalizedLatent] = []
    notes: list[str] = []
    progress = Progress(steps * windows)
    for event in events:
        if isinstance(event, Step):
            progress.update(len(latents) * steps + event.index + 1)
        elif isinstance(event, WindowMade):
            latents.append(event.latent_BCTHW)
            if event.kept:
                sys.stderr.write(f"note: window {event.index + 1} of {event.total} is there already\n")
        elif isinstance(event, Notes):
            notes += event.sentences
            sys.stderr.writelines(f"note: {sentence}\n" for sentence in event.sentences)
    return joined(latents), tuple(notes)


def kept_latents(release: Release, options: argparse.Namespace) -> tuple[NormalizedLatent, VideoVAE, float]:
    """Those that an earlier call has left."""
    raw, said = read_latent(options.latents)
    vae = load_vae(
        release, find_files(release, named_files(options), model_file), fast_dtype(device()), device()
    )
    fps = options.fps or float(said.get("fps", release.fps))
    try:
        return vae.normalize(RawLatent(raw.to(device()))), vae, fps
    except RuntimeError:  # another number of channels
        raise ValueError(
            f"--latents {options.latents}: they are not of release {release.name}; name their own with --model"
        ) from None
