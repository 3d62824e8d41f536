"""What the shell commands do: files and options in, core calls, files out."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..anisora_core.checkpoints.load import read_lora
from ..anisora_core.data.cartoons import make_shot, render
from ..anisora_core.domain.atomic import write_beside
from ..anisora_core.domain.conditions import Keyframe, MotionArea, Timeline
from ..anisora_core.domain.protocols import Step
from ..anisora_core.domain.release import Part, Release
from ..anisora_core.generation.loading import find_files, load_release
from ..anisora_core.generation.pipeline import Frames, Notes, Request, make_clip
from ..anisora_core.lora.apply import LoraUse, block_strengths
from ..anisora_core.media.contact_sheet import contact_sheet
from ..anisora_core.media.images import read_image
from ..anisora_core.media.pictures import write_picture
from ..anisora_core.media.tensors import to_bytes
from ..anisora_core.media.video import write_mp4, write_webp
from ..anisora_core.releases import find_release
from ..anisora_core.runtime.precision import fast_dtype
from ..nodes.host.standalone import Progress, device, model_file

#: IMG@POS or IMG@POS@STRENGTH; the name ends at the first @ that a position follows (hero@2x.png is a name).
_KEYFRAME = re.compile(r"(.+?)@(first|last|[\d.]+(?:s|%)?)(?:@(\d*\.?\d+))?", re.IGNORECASE)


#: Part of a release -> option of `anisora generate` that names its file.
PARTS: dict[Part, str] = {
    "transformer": "weights",
    "high_noise": "weights",
    "low_noise": "low_noise",
    "vae": "vae",
    "text_encoder": "text_encoder",
    "image_encoder": "image_encoder",
}
_LORA = re.compile(r"(.+?)(?::(-?[\d.]+))?(?::(-?[\d.]+))?(?:@([\d=,. -]+))?")


@dataclass(frozen=True)
class Clip:
    frames_FHWC: np.ndarray
    fps: float
    notes: tuple[str, ...]


def parse_size(text: str) -> tuple[int, int]:
    """`WxH` -> (width, height)."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise ValueError(f"size {text!r}: write it as WIDTHxHEIGHT, 160x128")
    return int(width), int(height)


def parse_keyframe(text: str) -> Keyframe:
    """`IMG@POS` or `IMG@POS@STRENGTH`."""
    parts = _KEYFRAME.fullmatch(text)
    if parts is None:
        raise ValueError(
            f"--keyframe {text!r}: write it as IMAGE@POSITION[@STRENGTH], hero.png@first; "
            "positions are 12, 0.5s, 50%, first, last"
        )
    path, position, strength = parts.groups()
    return Keyframe(read_image(Path(path)), position, float(strength or 1.0))


def parse_lora(text: str) -> LoraUse:
    """`FILE`, `FILE:STRENGTH` or, for two experts, `FILE:HIGH:LOW`, each with `@0-9=0.5,20=0` for some blocks.

    FILE is a name in ANISORA_MODELS/loras, or a path.
    """
    parts = _LORA.fullmatch(text)
    assert parts is not None
    name, strength, low, blocks = parts.groups()
    found = model_file("loras", name)
    if found is None:
        raise ValueError(f"--lora {text!r}: {name} is neither in models/loras nor a path; check the name")
    lora = read_lora(found)
    return LoraUse(lora, float(strength or 1.0), float(low) if low else None, block_strengths(blocks or ""))


def request_of(options: argparse.Namespace, release: Release) -> Request:
    width, height = parse_size(options.size) if options.size else release.size
    area = None
    if options.motion_mask:
        area = MotionArea(read_image(options.motion_mask)[None, ..., 0], options.motion_way, 2.0)
    timeline = Timeline(
        num_frames=options.length or release.num_frames,
        fps=options.fps or release.fps,
        height=height,
        width=width,
        keyframes=tuple(parse_keyframe(text) for text in options.keyframe),
        fit=options.fit,
    )
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


def generate_clip(options: argparse.Namespace) -> Clip:
    release = find_release(options.model)
    request = request_of(options, release)
    files = find_files(
        release, {part: getattr(options, name) or "" for part, name in PARTS.items()}, model_file
    )
    components = load_release(release, files, fast_dtype(device()), device())
    frames: list[Tensor] = []
    notes: tuple[str, ...] = ()
    progress = Progress(request.steps or release.steps)
    for event in make_clip(components, release, request):
        if isinstance(event, Step):
            progress.update(event.index + 1)
        elif isinstance(event, Frames):
            frames.append(event.frames_FHWC)
        elif isinstance(event, Notes):
            notes = event.sentences
            sys.stderr.writelines(f"note: {sentence}\n" for sentence in notes)
    return Clip(to_bytes(torch.cat(frames)), request.timeline.fps, notes)


WRITERS: dict[str, Callable[[Clip, Path], None]] = {
    ".mp4": lambda clip, path: write_mp4(clip.frames_FHWC, path, clip.fps),
    ".webp": lambda clip, path: write_webp(clip.frames_FHWC, path, clip.fps),
    ".png": lambda clip, path: contact_sheet([clip.frames_FHWC], path),
}


def write_clip(clip: Clip, path: Path) -> None:
    WRITERS[path.suffix.lower()](clip, path)


def write_cartoons(
    count: int, out: Path, *, seed: int, split: Literal["train", "heldout"], shape: tuple[int, int, int]
) -> int:
    """NNNN.mp4, NNNN.json and NNNN_area.png (all that moves) per clip, and sheet.png of the first 24."""
    if count < 1:
        raise ValueError(f"--count {count}: ask for at least 1")
    num_frames, height, width = shape
    if num_frames < 2 or height % 2 or width % 2 or min(height, width) < 32:
        raise ValueError(
            f"shape {num_frames} frames of {width}x{height}: use 2 frames or more, even sides from 32"
        )
    sheet: list[np.ndarray] = []
    for number in range(count):
        clip = render(
            make_shot(seed + number, split=split), num_frames=num_frames, height=height, width=width
        )
        name = f"{number:04d}"
        write_mp4(clip.frames_FHWC, out / f"{name}.mp4", clip.fps)
        facts = {k: v for k, v in vars(clip).items() if not k.endswith("HWC") and not k.endswith("FHW")}
        with write_beside(out / f"{name}.json") as part:
            part.write_text(json.dumps(facts, indent=1) + "\n")
        write_picture(np.asarray(clip.moving_FHW.any(0)), out / f"{name}_area.png")
        if number < 24:
            sheet.append(clip.frames_FHWC)
    contact_sheet(sheet, out / "sheet.png")
    return count
