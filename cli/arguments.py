"""How arguments of several commands are written: sizes, keyframes, LoRA files, and the files of a release."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ..anisora_core.checkpoints.load import read_lora
from ..anisora_core.conditioning.timeline import parse_position
from ..anisora_core.domain.conditions import Keyframe, Segment
from ..anisora_core.domain.release import Part
from ..anisora_core.lora.apply import LoraUse, block_strengths
from ..anisora_core.media.frames import read_frames
from ..anisora_core.media.images import read_image
from ..anisora_core.media.tensors import to_floats
from ..anisora_core.media.video import VIDEOS
from ..anisora_core.runtime.placement import Placement
from ..nodes.host.standalone import model_file

#: IMG@POS or IMG@POS@STRENGTH; the name ends at the first @ that a position follows (hero@2x.png is a name).
_KEYFRAME = re.compile(r"(.+?)@(first|last|[\d.]+(?:s|%)?)(?:@(\d*\.?\d+))?", re.IGNORECASE)
_PROMPT_AT = re.compile(r"(first|[\d.]+(?:s|%)?)-(last|[\d.]+(?:s|%)?)=(.*)", re.IGNORECASE | re.DOTALL)
_LORA = re.compile(r"(.+?)(?::(-?[\d.]+))?(?::(-?[\d.]+))?(?:@([\d=,. -]+))?")

#: Part of a release -> the option that names its file.
PARTS: dict[Part, str] = {
    "transformer": "weights",
    "high_noise": "weights",
    "low_noise": "low_noise",
    "vae": "vae",
    "text_encoder": "text_encoder",
    "image_encoder": "image_encoder",
}


def named_files(options: argparse.Namespace) -> dict[Part, str]:
    """Part of a release -> the file that `options` name, or an empty text."""
    return {part: getattr(options, option) or "" for part, option in PARTS.items()}


def add_placement_options(root: argparse.ArgumentParser) -> None:
    group = root.add_argument_group("memory")
    group.add_argument(
        "--fp8", action="store_true", help="keep the transformer's weights as 8-bit floats: half the memory"
    )
    group.add_argument(
        "--blocks-to-swap",
        type=int,
        default=0,
        metavar="N",
        help="keep so many of the transformer's blocks in CPU RAM, and load each when it is needed",
    )


def placement_of(options: argparse.Namespace) -> Placement:
    return Placement(options.fp8, options.blocks_to_swap)


def parse_size(text: str) -> tuple[int, int]:
    """`WxH` -> (width, height)."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise ValueError(f"size {text!r}: write it as WIDTHxHEIGHT, 160x128")
    return int(width), int(height)


def parse_prompt_at(text: str, num_frames: int, fps: float) -> Segment:
    """`START-END=TEXT`, positions as those of keyframes: `2s-4s=she waves`. END is the first frame after it; `last` ends with the clip."""
    parts = _PROMPT_AT.fullmatch(text)
    if parts is None or not parts[3].strip():
        raise ValueError(f"--prompt-at {text!r}: write it as START-END=TEXT, 2s-4s=she waves")
    start = parse_position(parts[1], num_frames, fps)
    end = parse_position(parts[2], num_frames + 1, fps)
    if end <= start:
        raise ValueError(
            f"--prompt-at {text!r}: it ends at frame {end}, before it begins; write the earlier position first"
        )
    return Segment(start, end, parts[3])


def parse_keyframe(text: str, fps: float = 16.0, most: int = 1) -> Keyframe:
    """`IMG@POS` or `IMG@POS@STRENGTH`; IMG may be a video, of which up to `most` frames are given, at `fps`."""
    name, position, strength = _keyframe_parts(text)
    path = Path(name)
    if path.suffix.lower() not in VIDEOS:
        return Keyframe(read_image(path), position, float(strength or 1.0))
    frames = to_floats(read_frames(path, fps, most))
    following = frames[1:] if len(frames) > 1 else None
    return Keyframe(frames[0], position, float(strength or 1.0), following)


def keyframe_file(text: str) -> Path:
    """The drawing of such a text."""
    return Path(_keyframe_parts(text)[0])


def _keyframe_parts(text: str) -> tuple[str, str, str | None]:
    parts = _KEYFRAME.fullmatch(text)
    if parts is None:
        raise ValueError(
            f"--keyframe {text!r}: write it as IMAGE@POSITION[@STRENGTH], hero.png@first; "
            "positions are 12, 0.5s, 50%, first, last"
        )
    path, position, strength = parts.groups()
    return path, position, strength


def parse_lora(text: str) -> LoraUse:
    """`FILE`, `FILE:STRENGTH` or, for two experts, `FILE:HIGH:LOW`, each with `@0-9=0.5,20=0` for some blocks.

    FILE is a name in ANISORA_MODELS/loras, or a path.
    """
    parts = _LORA.fullmatch(text)
    if parts is None:
        raise ValueError(f"--lora {text!r}: write it as FILE[:STRENGTH[:LOW]][@BLOCKS]")
    name, strength, low, blocks = parts.groups()
    found = model_file("loras", name)
    if found is None:
        raise ValueError(f"--lora {text!r}: {name} is neither in models/loras nor a path; check the name")
    lora = read_lora(found)
    return LoraUse(lora, float(strength or 1.0), float(low) if low else None, block_strengths(blocks or ""))
