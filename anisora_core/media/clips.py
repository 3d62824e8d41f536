"""Clips to files, whole or not at all."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..domain.atomic import write_beside


def to_bytes(frames_FHWC: Tensor) -> np.ndarray:
    """Float 0..1 -> uint8."""
    return (frames_FHWC.clamp(0.0, 1.0) * 255.0).round().byte().cpu().numpy()


def to_floats(pixels: np.ndarray) -> Tensor:
    """uint8 of any shape -> float 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255.0


def write_mp4(frames_FHWC: np.ndarray, path: Path, fps: float) -> None:
    """uint8 RGB frames -> H.264, yuv420p. Width and height must be even."""
    import av

    height, width = frames_FHWC.shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(
            f"size {width}x{height}: video needs even sides; use {width - width % 2}x{height - height % 2}"
        )
    with write_beside(path) as part, av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(fps).limit_denominator(1001), options={"crf": "16"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames_FHWC:
            for packet in stream.encode(
                av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            ):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def write_webp(frames_FHWC: np.ndarray, path: Path, fps: float) -> None:
    """uint8 RGB frames -> an animated picture that repeats."""
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames_FHWC)
    with write_beside(path) as part:
        first.save(part, save_all=True, append_images=rest, duration=round(1000 / fps), loop=0, quality=90)


def contact_sheet(clips: list[np.ndarray], path: Path, *, columns: int = 8) -> None:
    """One row per clip, `columns` frames spread over it; uint8 FHWC each, rows padded to the widest."""
    from PIL import Image

    rows = [
        clip[np.linspace(0, len(clip) - 1, min(columns, len(clip))).round().astype(int)] for clip in clips
    ]
    strips = [np.concatenate(list(row), axis=1) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(s, ((0, 4), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips]
    with write_beside(path) as part:
        Image.fromarray(np.concatenate(padded)).save(part, quality=90)  # png ignores it
