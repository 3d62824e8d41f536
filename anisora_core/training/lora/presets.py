"""Named starting points of a LoRA training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """`values`: the options in which it differs from the defaults."""

    tip: str
    values: Mapping[str, Any]


#: For mini on two cores, minutes; for a 14 B model, to see whether it learns the style at all.
QUICK_LOOK: dict[str, Any] = {
    "caption_dropout": 0.2,  # strong guidance multiplies what only one of its two passes has learned
    "steps": 480,
    "batch_size": 8,
    "clip_batch_size": 2,
    "warmup": 20,
    "length": 33,  # trained on shorter ones, long clips tremble and leave their keyframes
    "variants": 2,
    "num_moves": 80,  # each is a second of encoding on two cores
    "still_share": 0.45,
    "move_share": 0.2,
    "given_share": 0.35,
    "save_every": 160,
    "sample_every": 160,
    "first_sample": 10,
    "sample_cfg": 1.0,
}
THOROUGH: dict[str, Any] = {
    "steps": 4000,
    "batch_size": 8,
    "variants": 12,
    "save_every": 500,
    "sample_every": 500,
}
#: The paper's: rank 256 on the attention projections is 0.27 B parameters of a 5 B model (section 4.2.2).
MOTION_AREA: dict[str, Any] = {
    "task": "motion area",
    "rank": 256,
    "targets": r"blocks\.\d+\.(self|cross)_attn\.[qkvo]",
    "steps": 4000,
    "learning_rate": 1e-4,
    "prior_preservation": 0.0,
}
PRESETS = {
    "quick look": Preset("minutes on mini, to see whether the style is learned.", QUICK_LOOK),
    "normal": Preset("for use.", {}),
    "thorough": Preset("long, for large folders.", THOROUGH),
    "motion area": Preset("from clips, so that only what a mask covers moves.", MOTION_AREA),
}
#: What each is for, in one line.
PRESETS_TIP = " ".join(f"{name}: {preset.tip}" for name, preset in PRESETS.items())
