"""The drawings that come with the pack, rendered in held-out styles: `python benchmarks/make_drawings.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from comfyui_anisora.anisora_core.data.cartoons import CartoonClip, make_shot, render
from comfyui_anisora.nodes import model_loader as loaders
from PIL import Image

SIZE = 256
FOLDER: Path = loaders.DRAWINGS


def shot(seed: int, action: str, direction: str, amplitude: float = 0.8) -> CartoonClip:
    made = make_shot(
        seed, split="heldout", kind="character", action=action, direction=direction, amplitude=amplitude,
        camera="still", start_at_rest=True,
    )  # fmt: skip
    return render(made, height=SIZE, width=SIZE)


def save(name: str, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(
        FOLDER / f"{name}.png"
    )
    print(name, (FOLDER / f"{name}.png").stat().st_size)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    wave, walk, raised = shot(26, "wave", ""), shot(45, "walk", "right", 0.6), shot(27, "raise", "up")
    save("wave", wave.frames_FHWC[0])
    Image.fromarray(wave.moving_FHW.any(0)).save(FOLDER / "wave_area.png")
    save("walk_first", walk.frames_FHWC[0])
    save("walk_last", walk.frames_FHWC[-1])
    for number, frame in enumerate((0, 8, 16, 24, 32), start=1):
        save(f"story_{number}", raised.frames_FHWC[frame])
    save("crouch_last", shot(34, "crouch", "down").frames_FHWC[-1])


if __name__ == "__main__":
    main()
