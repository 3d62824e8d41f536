"""A copy of the pack with one folder more in `families`, and weights for its release."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PACK = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "tests", "build", "output", "runs", "__pycache__", "*.egg-info"
)
WRITE = """
import sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from comfyui_anisora.anisora_core.domain.keymap import inverted, rename
from comfyui_anisora.anisora_core.families.third.config import PixelConfig, PixelVAEConfig
from comfyui_anisora.anisora_core.families.third.keymaps import PIXEL_FROM_OTHERS
from comfyui_anisora.anisora_core.families.third.transformer import PixelTransformer
from comfyui_anisora.anisora_core.families.third.vae import PixelVAE
torch.manual_seed(0)
base, back = Path(sys.argv[1]), inverted(PIXEL_FROM_OTHERS)
transformer = PixelTransformer(PixelConfig()).state_dict()
save_file({rename(name, back): value for name, value in transformer.items()}, base / "diffusion_models" / "pixels.safetensors")
save_file(PixelVAE(PixelVAEConfig()).state_dict(), base / "vae" / "pixels_vae.safetensors")
"""


def pack_with_a_third_family(parent: Path) -> Path:
    """`parent/comfyui_anisora`; import it from `parent`."""
    copy = parent / "comfyui_anisora"
    shutil.copytree(PACK, copy, ignore=LEFT_OUT)
    shutil.copytree(
        Path(__file__).parent / "data" / "third_family", copy / "anisora_core" / "families" / "third"
    )
    return copy


def write_weights(pack: Path, models: Path) -> None:
    """Those of the third family, beside the text encoder that `tiny_models` wrote."""
    run_in_pack(pack, WRITE, models)


def run_in_pack(pack: Path, code: str, *arguments: Path) -> None:
    """Python code in a process of its own, which has the copy of the pack."""
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=pack.parent, check=True)
