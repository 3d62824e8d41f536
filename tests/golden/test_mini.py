"""The shipped mini is still the same: `python tests/golden/test_mini.py --regenerate` after it was replaced on purpose."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import torch
from comfyui_anisora.anisora_core.domain.protocols import Step
from comfyui_anisora.anisora_core.generation.pipeline import Frames
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[1]))
from small_inputs import walk

STORED = Path(__file__).parent / "mini.safetensors"
TOLERANCE = (
    2e-2  # latents have unit variance; CPUs differ in the order of float32 sums, and sampling amplifies that
)


@cache
def made() -> dict[str, torch.Tensor]:
    """Of a short, small clip its latents and its middle frame."""
    events = walk(torch.device("cpu"))
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
