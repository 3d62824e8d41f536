"""The numbers that `mini` is made with: networks, data and schedules of every stage.

The same networks twice, since both must fit what the pack ships: `cpu` for a few hours on two cores, `gpu` for half
an hour on a large card. `no_areas` is smaller still, on the shipped VAE, for the benchmark of motion-area LoRAs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...data.training_clips import caption_words
from ...encoders.byte_t5 import TextConfig
from ...families.wan.config import MINI, MINI_VAE, WanConfig, WanVAEConfig
from ..engine.settings import TrainingSettings
from ..random_conditions import ConditionMix
from ..strategies.pretraining import Bucket

SIZES = ((128, 128), (128, 160), (160, 128))


@dataclass(frozen=True)
class MiniRecipe:
    """Everything that decides the result, besides the code and the library of drawings.

    `drawings`: the share of clips that are drawings, where there is a library. `own_vae`: else the shipped one stays.
    """

    transformer: WanConfig
    vae: WanVAEConfig
    text: TextConfig
    frames: TrainingSettings
    frames_batch: int
    clips: TrainingSettings
    clips_batch: int
    decoder: TrainingSettings
    clips_length: int
    clips_crop: int
    weak_buckets: tuple[Bucket, ...]
    strong_buckets: tuple[Bucket, ...]
    weak_clips: int
    strong_clips: int
    conditions_per_clip: int
    weak: TrainingSettings
    strong: TrainingSettings
    mix: ConditionMix = ConditionMix()
    undrawn: float = 0.12
    drawings: float = 0.85
    frames_crop: int | None = 64
    seed: int = 1
    own_vae: bool = True


def buckets(side: int, batch: int) -> tuple[Bucket, ...]:
    """Images and clips mixed, several lengths and shapes, of about `side` x `side` pixels."""
    longer = side // 4 * 5
    return (
        Bucket(33, (side, side), 0.56, batch),
        Bucket(33, (side, longer), 0.12, batch),
        Bucket(33, (longer, side), 0.12, batch),
        Bucket(17, (side, side), 0.13, batch * 2),
        Bucket(1, (side, side), 0.07, batch * 4),
    )


CPU = MiniRecipe(
    transformer=MINI,
    vae=replace(MINI_VAE, num_res_blocks=2),
    text=TextConfig(vocabulary=caption_words()),
    frames=TrainingSettings(
        steps=16000,
        learning_rate=1e-3,
        warmup=40,
        ema_decay=0.998,
        log_every=100,
        save_every=500,
        optimizer="muon",
    ),
    frames_batch=24,
    clips=TrainingSettings(
        steps=3000, learning_rate=6e-4, warmup=100, ema_decay=0.998, log_every=50, optimizer="muon"
    ),
    clips_batch=4,
    decoder=TrainingSettings(
        steps=2000, learning_rate=5e-4, warmup=100, ema_decay=0.998, log_every=50, optimizer="muon"
    ),
    clips_length=17,
    clips_crop=64,
    weak_buckets=buckets(128, 16),
    strong_buckets=buckets(192, 8),
    weak_clips=1500,
    strong_clips=4000,
    conditions_per_clip=2,
    weak=TrainingSettings(
        steps=640, learning_rate=2e-3, warmup=60, ema_decay=0.995, num_workers=0, optimizer="muon"
    ),
    strong=TrainingSettings(
        steps=4000,
        learning_rate=1e-3,
        schedule="constant",
        warmup=20,
        cooldown=400,
        ema_decay=0.995,
        num_workers=0,
        save_every=100,
        optimizer="muon",
    ),
)
GPU = replace(
    CPU,
    frames=replace(CPU.frames, steps=6000, num_workers=14),
    frames_batch=16,
    clips=replace(CPU.clips, steps=8000, num_workers=14),
    clips_batch=4,
    decoder=replace(CPU.decoder, steps=4000, num_workers=14),
    clips_crop=128,
    weak_buckets=buckets(128, 64),
    strong_buckets=buckets(192, 32),
    weak_clips=12000,
    strong_clips=12000,
    weak=replace(CPU.weak, steps=4000, learning_rate=1.5e-3, num_workers=2),
    strong=replace(CPU.strong, steps=5000, num_workers=2),
)
#: Never shown a motion area: what the paper's model was before its LoRA (section 4.2.2). Stages latents, weak, export.
NO_AREAS = replace(
    CPU,
    transformer=replace(MINI, dim=192, ffn_dim=576, num_layers=6, num_heads=3),
    weak_buckets=(Bucket(17, (96, 96), 0.9, 16), Bucket(1, (96, 96), 0.1, 64)),
    weak_clips=2500,
    weak=replace(CPU.weak, steps=1500),
    mix=ConditionMix(motion_area=0.0),
    own_vae=False,
)
RECIPES = {"cpu": CPU, "gpu": GPU, "no_areas": NO_AREAS}
