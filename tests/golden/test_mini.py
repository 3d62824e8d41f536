"""The shipped mini is still the same: `python tests/golden/test_mini.py --regenerate` after it was replaced on purpose."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import torch
from comfyui_anisora.anisora_core.checkpoints.load import load_mini
from comfyui_anisora.anisora_core.domain.conditions import Keyframe, Timeline
from comfyui_anisora.anisora_core.domain.protocols import Step
from comfyui_anisora.anisora_core.generate import Frames, Request, make_clip
from comfyui_anisora.anisora_core.releases import find_release
from comfyui_anisora.nodes.host.images import read_image
from safetensors.torch import load_file, save_file

STORED = Path(__file__).parent / "mini.safetensors"
DRAWINGS = Path(__file__).parents[2] / "web" / "drawings"
TOLERANCE = (
    2e-2  # latents have unit variance; CPUs differ in the order of float32 sums, and sampling amplifies that
)


@cache
def made() -> dict[str, torch.Tensor]:
    """A short, small clip between two bundled drawings: its latents, and its middle frame."""
    keyframes = [Keyframe(read_image(DRAWINGS / f"walk_{name}.png"), name) for name in ("first", "last")]
    timeline = Timeline(9, 12.0, 64, 64, tuple(keyframes))
    request = Request(timeline, prompt="a girl walks to the right", steps=4, seed=3)
    events = list(make_clip(load_mini(), find_release("mini"), request))
    latent = [event.x for event in events if isinstance(event, Step)][-1]
    frames = torch.cat([event.frames_FHWC for event in events if isinstance(event, Frames)])
    return {"latent": latent.contiguous(), "frame": frames[4].contiguous()}


def test_latents_are_the_stored_ones():
    assert torch.allclose(made()["latent"], load_file(STORED)["latent"], atol=TOLERANCE)


def test_frames_are_the_stored_ones():
    assert torch.allclose(made()["frame"], load_file(STORED)["frame"], atol=TOLERANCE)


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        raise SystemExit("usage: python tests/golden/test_mini.py --regenerate")
    if STORED.exists():
        before = load_file(STORED)
        for key, value in made().items():
            sys.stdout.write(f"{key}: largest change {float((value - before[key]).abs().max()):.4f}\n")
    save_file(made(), STORED)
