"""Everything that decides what a LoRA training gives, as one value: presets, options of the shell and of the node."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ...domain.atomic import write_beside
from ...domain.release import Release
from ...generation.plan import SamplingPlan as Sampling
from ...generation.plan import plan_sampling
from ...lora.trainable import BLOCK_LINEARS, AdapterSettings
from ...releases import DEFAULT_RELEASE, find_release
from ..loop import Settings
from ..optimizers import LORA_OPTIMIZERS
from .batches import Shares
from .objective import TIMESTEPS, NoiseLevels


def option(default: Any, tip: str, **limits: Any) -> Any:
    """A field with what the shell and the node say about it. `limits`: low, high, choices."""
    return field(default=default, metadata={"tip": tip, **limits})


#: What some system does not take in the name of a file, or as one.
_FORBIDDEN = set('<>:"/\\|?*')
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)\d) *(\..*)?", re.IGNORECASE)
_LONGEST_NAME = 50


@dataclass(frozen=True)
class Recipe:
    """Defaults are the preset `normal`. 0 in `area`, `length`, `shift` and `learning_rate` means the release's own."""

    images: str = option("", "Folder of drawings, and clips if there are any, with captions beside them.")
    name: str = option("my_style", "Name of the LoRA.")
    release: str = option(DEFAULT_RELEASE, "What it is for.")
    trigger: str = option("", "Words that call the style; they go before every caption.")
    task: str = option(
        "style",
        "motion area: learn the paper's masks from clips, not a style.",
        choices=("style", "motion area"),
    )
    detector: str = option(
        "", "Motion area: folder of a segmentation model of transformers; none: what moves."
    )
    steps: int = option(1500, "Steps of training.", low=1, high=100_000)
    batch: int = option(4, "Drawings or clips per step and process.", low=1, high=256)
    clip_batch: int = option(
        0, "The same for moving examples, which cost as much as they have latents; 0: batch.", low=0, high=256
    )
    accumulate: int = option(1, "Parts a batch is computed in; more need less memory.", low=1, high=256)
    learning_rate: float = option(
        0.0, "Size of a step; 0: the release's, and 1 for Prodigy, which finds its own.", low=0.0, high=10.0
    )
    schedule: str = option("cosine", "How the learning rate goes on.", choices=("cosine", "constant"))
    warmup: int = option(50, "Steps over which the learning rate rises.", low=0, high=10_000)
    optimizer: str = option(
        "adamw", "adamw8bit and prodigy are packages of their own.", choices=LORA_OPTIMIZERS
    )
    weight_decay: float = option(0.01, "Pull of the weights to zero.", low=0.0, high=1.0)
    clip_norm: float = option(1.0, "Gradients are cut to this norm.", low=0.0, high=1000.0)
    ema_decay: float = option(
        0.99, "The file has the running average of the weights; 0: the last ones.", low=0.0, high=0.9999
    )
    rank: int = option(32, "Size of the LoRA: more hold more, of your drawings too.", low=1, high=1024)
    alpha: float = option(0.0, "Scale is alpha / rank; 0: alpha is the rank.", low=0.0, high=4096.0)
    dropout: float = option(0.0, "Share of ranks that a clip does without.", low=0.0, high=0.95)
    targets: str = option(BLOCK_LINEARS, "Pattern of the names of layers to change.")
    dora: bool = option(False, "Train magnitudes apart from directions (DoRA).")
    start: str = option(
        "", "LoRA file to go on from, of the same rank; of V3.2's two the name without _high_noise."
    )
    area: int = option(
        0,
        "Pixels of a frame; 0: the release's. Drawings keep their shape and are never enlarged.",
        low=0,
        high=8_000_000,
    )
    fps: float = option(0.0, "Frames a second that clips are read at; 0: the release's.", low=0.0, high=120.0)
    length: int = option(0, "Frames of moving examples; 0: the release's.", low=0, high=1000)
    shortest: int = option(
        0, "Moving examples have from so many frames to `length`; 0: all have `length`.", low=0, high=1000
    )
    cut: float = option(
        0.0,
        "Share of a clip's height cut off below, where subtitles are; the sides lose as much.",
        low=0.0,
        high=0.9,
    )
    variants: int = option(4, "Random crops and moves per drawing.", low=1, high=64)
    moves: bool = option(True, "Make moving examples out of drawings, too.")
    num_moves: int = option(
        0, "Moving examples made of all drawings together; 0: `variants` of each.", low=0, high=100_000
    )
    still_share: float = option(
        0.4, "Share of steps on drawings as stills, with nothing given.", low=0.0, high=1.0
    )
    move_share: float = option(
        0.3, "Share on drawings that pan, zoom or sway, with nothing given.", low=0.0, high=1.0
    )
    given_share: float = option(0.3, "Share on such clips with keyframes.", low=0.0, high=1.0)
    prior: float = option(
        0.5, "Of the steps with keyframes, the share that keeps the model as it was.", low=0.0, high=1.0
    )
    captions: bool = option(True, "Use the captions beside the drawings; else the trigger stands alone.")
    caption_dropout: float = option(0.1, "Share of clips without their caption.", low=0.0, high=1.0)
    shuffle: bool = option(False, "Shuffle the comma-separated parts of captions.")
    keep_words: int = option(1, "Parts of a caption that stay in front when shuffling.", low=0, high=100)
    timesteps: str = option(
        "shift",
        "How noise levels are drawn. sampler: those alone that the release samples at, which is learned soonest. "
        "V1's are even whatever this says.",
        choices=TIMESTEPS,
    )
    shift: float = option(0.0, "Of noise levels drawn by shift; 0: the release's.", low=0.0, high=100.0)
    high_share: float = option(
        0.4,
        "V3.2: share of the steps for the high noise expert, which overfits stills first.",
        low=0.0,
        high=1.0,
    )
    base: str = option(
        "as loaded", "The frozen model's weights; fp8 halves them.", choices=("as loaded", "fp8")
    )
    swap_blocks: int = option(
        0, "Blocks that wait in the computer's memory and come when needed.", low=0, high=1000
    )
    checkpointing: bool = option(
        False, "Compute blocks again when going back: slower, with much less memory. Swapping does it anyway."
    )
    save_every: int = option(250, "Steps between checkpoints.", low=1, high=100_000)
    keep: int = option(4, "Checkpoints kept; the last is always.", low=1, high=1000)
    sample_every: int = option(
        250,
        "Steps between sample clips; 0: none. V3.2: once, when both experts are trained.",
        low=0,
        high=100_000,
    )
    first_sample: int = option(
        0, "Step of samples before that, to see early where it goes; 0: none.", low=0, high=100_000
    )
    sample_cfg: float = option(
        0.0,
        "Guidance of samples, with and without the LoRA; 0: the release's. 1 takes half the time, and is kinder to "
        "words that the model does not know.",
        low=0.0,
        high=100.0,
    )
    sample_prompts: str = option(
        "", "One prompt a line for the samples; empty: of two captions, one with its drawing."
    )
    self_guide: bool = option(
        False, "Show each still its own picture as its guide, as other trainers do. For comparisons only."
    )
    seed: int = option(0, "Same seed, same LoRA.", low=0, high=(1 << 32) - 1)

    def __post_init__(self) -> None:
        for one in fields(self):
            check(one, getattr(self, one.name))
        check_name(self.name)
        if not any((self.still_share, self.move_share, self.given_share)):
            raise ValueError(
                "still_share, move_share and given_share are all 0; give one a share of the steps"
            )
        if self.shortest > self.num_frames:
            raise ValueError(f"shortest {self.shortest} is more than length {self.num_frames}; lower it")
        if self.task == "motion area" and self.model.guide_way == "slots":
            raise ValueError(
                f"task motion area needs a mask that release {self.release} does not have; use style"
            )
        if self.dora and self.base == "fp8":
            raise ValueError("dora needs the weights' own norms, which fp8 rounds; use base as loaded")

    @property
    def model(self) -> Release:
        return find_release(self.release)

    @property
    def pixels(self) -> int:
        width, height = self.model.size
        return self.area or width * height

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.fps or self.model.fps

    @property
    def num_frames(self) -> int:
        return self.length or self.model.num_frames

    @property
    def lengths(self) -> list[int]:
        """Of moving examples, in turn: legal ones, evenly spread."""
        steps = max(1, self.variants - 1)
        spread = (self.num_frames - self.shortest) / steps if self.shortest else 0.0
        found = (self.num_frames - round(spread * step) for step in range(steps + 1))
        return list(dict.fromkeys(self.model.grid.longest_within(length) for length in found))

    @property
    def shares(self) -> Shares:
        """The paper's motion areas are learned from clips with their area given, and nothing else."""
        if self.task == "motion area":
            return Shares(given=1.0)
        return Shares(self.still_share, self.move_share, self.given_share, self.prior)

    @property
    def moving_batch(self) -> int:
        return self.clip_batch or self.batch

    @property
    def adapters(self) -> AdapterSettings:
        return AdapterSettings(self.rank, self.alpha or None, self.dropout, self.targets, self.dora)

    @property
    def peak_learning_rate(self) -> float:
        own = 1.0 if self.optimizer == "prodigy" else self.model.lora_learning_rate
        return self.learning_rate or own

    @property
    def loop(self) -> Settings:
        """One report a step; the caller decides what is shown."""
        return Settings(
            steps=self.steps,
            learning_rate=self.peak_learning_rate,
            schedule=self.schedule,  # type: ignore[arg-type]
            warmup=self.warmup,
            ema_decay=self.ema_decay,
            clip_norm=self.clip_norm,
            weight_decay=self.weight_decay,
            save_every=self.save_every,
            log_every=1,
            num_workers=0,
            optimizer=self.optimizer,  # type: ignore[arg-type]
            accumulate=self.accumulate,
            seed=self.seed,
        )

    def levels(self, low: float = 0.0, high: float = 1.0) -> NoiseLevels:
        shift = self.shift or self.model.shift
        sigmas = sorted(plan_sampling(self.model, shift=shift).sigmas)
        return NoiseLevels(self.timesteps, shift, low, high, sigmas)  # type: ignore[arg-type]

    @property
    def sampling(self) -> Sampling:
        """Of the samples."""
        return plan_sampling(self.model, cfg_scale=self.sample_cfg or None)

    def prompts(self) -> list[str]:
        return [line.strip() for line in self.sample_prompts.splitlines() if line.strip()]

    def save(self, path: Path) -> None:
        with write_beside(path) as part:
            part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")


def check_name(name: str) -> None:
    """ValueError for what cannot be a file's name everywhere."""
    is_plain = name.isprintable() and not _FORBIDDEN & set(name) and name == name.strip(" .")
    if not name or not is_plain or _RESERVED.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(
            f"name {name[:80]!r}: use 1 to {_LONGEST_NAME} letters, digits, spaces, - and _, and no path"
        )


def check(one: Field[Any], value: Any) -> None:
    """ValueError naming the option, for a value of another kind or outside its limits."""
    kind = type(one.default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{one.name} {value!r} must be a {kind.__name__}")
    said = one.metadata
    if "choices" in said and value not in said["choices"]:
        raise ValueError(f"{one.name} {value!r} is unknown; use one of {', '.join(said['choices'])}")
    if "low" in said and not (math.isfinite(value) and said["low"] <= value <= said["high"]):
        raise ValueError(f"{one.name} {value} must be {said['low']} to {said['high']}")


def recipe_from(said: Mapping[str, Any]) -> Recipe:
    """ValueError for an option that is none."""
    unknown = said.keys() - {one.name for one in fields(Recipe)}
    if unknown:
        raise ValueError(f"{min(unknown)} is no option of a LoRA training; remove it")
    return Recipe(**said)


def read_recipe(path: Path) -> Recipe:
    """ValueError for a file that is none."""
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no recipe ({error}); use a recipe.json of a training") from None
    if not isinstance(said, dict):
        raise ValueError(f"{path} is no recipe; use a recipe.json of a training")
    return recipe_from(said)


NORMAL = Recipe()
#: The paper's: rank 256 on the attention projections is 0.27 B parameters of a 5 B model (section 4.2.2).
MOTION_AREA = replace(
    NORMAL,
    task="motion area",
    rank=256,
    targets=r"blocks\.\d+\.(self|cross)_attn\.[qkvo]",
    steps=4000,
    learning_rate=1e-4,
    prior=0.0,
)
#: For mini on two cores, minutes; for a 14 B model, a look whether the style takes.
QUICK = replace(
    NORMAL,
    caption_dropout=0.2,  # strong guidance multiplies what only one of its two passes has learned
    steps=480,
    batch=8,
    clip_batch=2,
    warmup=20,
    length=33,  # trained on shorter ones, long clips tremble and leave their keyframes
    variants=2,
    num_moves=80,  # each is a second of encoding on two cores
    still_share=0.45,
    move_share=0.2,
    given_share=0.35,
    save_every=160,
    sample_every=160,
    first_sample=10,
    sample_cfg=1.0,
)
THOROUGH = replace(NORMAL, steps=4000, batch=8, variants=12, save_every=500, sample_every=500)
PRESETS = {"quick look": QUICK, "normal": NORMAL, "thorough": THOROUGH, "motion area": MOTION_AREA}
