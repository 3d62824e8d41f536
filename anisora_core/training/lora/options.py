"""The options of a LoRA training in groups. Nothing heavy is imported: the node reads them when the pack is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from ...lora.trainable import BLOCK_LINEARS
from ..engine.optimizers import LORA_OPTIMIZERS
from ..engine.settings import SCHEDULES
from ..noise_levels import TIMESTEP_SAMPLINGS
from .option_field import option


@dataclass(frozen=True)
class DataOptions:
    """What is learned from, and in what sizes and lengths."""

    images: str = option(
        "",
        "Folder of 20 to 300 drawings, and clips if there are any, with captions in .txt files beside them.",
        is_free=True,
    )
    max_pixels: int = option(
        0,
        "Pixels of a frame. Drawings keep their shape and are never enlarged.",
        low=0,
        high=8_000_000,
        zero="the release's",
        aliases=("area",),
    )
    fps: float = option(
        0.0, "Frames per second at which clips are read.", low=0.0, high=120.0, zero="the release's"
    )
    length: int = option(0, "Number of frames of moving examples.", low=0, high=1000, zero="the release's")
    shortest: int = option(
        0,
        "Moving examples have between this many frames and `length`.",
        low=0,
        high=1000,
        zero="all have `length`",
    )
    cut: float = option(
        0.0,
        "Share of a clip's height cut off at the bottom, where subtitles are; the same share is cut off its width.",
        low=0.0,
        high=0.9,
    )
    variants: int = option(4, "Random crops and moves of each drawing.", low=1, high=64)
    moves: bool = option(True, "Make moving examples from drawings as well.")
    num_moves: int = option(
        0,
        "Number of moving examples made from all drawings together.",
        low=0,
        high=100_000,
        zero="`variants` of each",
    )
    self_guide: bool = option(
        False, "Give each still its own picture as first frame, as other trainers do. For comparisons only."
    )
    detector: str = option(
        "",
        "Task motion area: folder of a transformers segmentation model that finds the area. Empty: the area is what moves.",
    )


@dataclass(frozen=True)
class CaptionOptions:
    """How captions become prompts."""

    trigger: str = option("", "Words that stand for the style; they are put before every caption.")
    use_captions: bool = option(
        True,
        "Use the captions beside the drawings; otherwise the trigger is the caption.",
        aliases=("captions",),
    )
    caption_dropout: float = option(
        0.1,
        "Share of examples trained without their caption, which classifier-free guidance needs.",
        low=0.0,
        high=1.0,
    )
    shuffle: bool = option(False, "Shuffle the comma-separated tags of captions.")
    keep_tokens: int = option(
        1, "Tags that stay at the front when shuffling.", low=0, high=100, aliases=("keep_words",)
    )

    @property
    def orders(self) -> int:
        """Text is encoded before training, so shuffling is among a few orders."""
        return 6 if self.shuffle else 1


@dataclass(frozen=True)
class StepShares:
    """How many of the steps are of each kind."""

    still_share: float = option(
        0.4, "Share of steps on drawings as one-frame clips, without keyframes.", low=0.0, high=1.0
    )
    move_share: float = option(
        0.3,
        "Share of steps on clips and on drawings that pan, zoom or sway, without keyframes.",
        low=0.0,
        high=1.0,
    )
    given_share: float = option(
        0.3, "Share of steps on such moving examples with keyframes.", low=0.0, high=1.0
    )
    prior_preservation: float = option(
        0.5,
        "Share of the steps with keyframes whose target is the base model's own answer, so that its motion and keyframes stay.",
        low=0.0,
        high=1.0,
        aliases=("prior",),
    )

    @property
    def are_moving(self) -> bool:
        """Whether any step is on moving examples."""
        return self.move_share > 0.0 or self.given_share > 0.0


@dataclass(frozen=True)
class OptimizationOptions:
    """How long and how fast is trained."""

    steps: int = option(1500, "Training steps.", low=1, high=100_000, is_free=True)
    batch_size: int = option(
        4, "Drawings or clips per step and process.", low=1, high=256, aliases=("batch",)
    )
    clip_batch_size: int = option(
        0,
        "The same for moving examples, whose cost grows with their number of latent frames.",
        low=0,
        high=256,
        zero="batch_size",
        aliases=("clip_batch",),
    )
    gradient_accumulation: int = option(
        1,
        "Parts that a batch is computed in; more parts need less memory.",
        low=1,
        high=256,
        aliases=("accumulate",),
        is_free=True,
    )
    learning_rate: float = option(
        0.0,
        "Learning rate.",
        low=0.0,
        high=10.0,
        zero="the release's, or 1 for Prodigy, which adapts it by itself",
    )
    schedule: str = option("cosine", "How the learning rate continues after the warm-up.", choices=SCHEDULES)
    warmup: int = option(50, "Steps over which the learning rate rises.", low=0, high=10_000)
    optimizer: str = option(
        "adamw", "adamw8bit and prodigy need packages of their own.", choices=LORA_OPTIMIZERS
    )
    weight_decay: float = option(0.01, "Weight decay.", low=0.0, high=1.0)
    max_grad_norm: float = option(
        1.0, "Gradients are clipped to this norm.", low=0.0, high=1000.0, aliases=("clip_norm",)
    )
    ema_decay: float = option(
        0.99,
        "The file has the exponential moving average of the weights, with this decay.",
        low=0.0,
        high=0.9999,
        zero="the last weights",
    )


@dataclass(frozen=True)
class AdapterOptions:
    """Size and form of the LoRA."""

    rank: int = option(
        32,
        "Size of the LoRA. A larger one learns more, and memorises your drawings sooner.",
        low=1,
        high=1024,
    )
    alpha: float = option(
        0.0, "The LoRA's scale is alpha / rank.", low=0.0, high=4096.0, zero="alpha equals the rank"
    )
    dropout: float = option(0.0, "Share of the ranks that each clip is trained without.", low=0.0, high=0.95)
    targets: str = option(BLOCK_LINEARS, "Pattern (regular expression) of the names of layers to change.")
    dora: bool = option(False, "Train magnitudes apart from directions (DoRA).")
    resume_from_lora: str = option(
        "",
        "LoRA file to continue from, of the same rank. Of V3.2's two files, the name without _high_noise.",
        aliases=("start",),
    )


@dataclass(frozen=True)
class NoiseOptions:
    """Which noise levels are trained."""

    timestep_sampling: str = option(
        "shift",
        "How noise levels are drawn. sampler: only those that the release samples at, which is learned soonest. "
        "V1's are always drawn evenly.",
        choices=TIMESTEP_SAMPLINGS,
        aliases=("timesteps",),
    )
    shift: float = option(
        0.0, "Time shift of timestep_sampling shift.", low=0.0, high=100.0, zero="the release's"
    )
    high_share: float = option(
        0.4,
        "V3.2: share of the steps for the high noise expert, which overfits stills first.",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class MemoryOptions:
    """Less memory, mostly for more time."""

    base: str = option(
        "as loaded", "Weights of the base model; fp8 halves them.", choices=("as loaded", "fp8")
    )
    blocks_to_swap: int = option(
        0,
        "Transformer blocks of the base model kept in CPU RAM and loaded when needed.",
        low=0,
        high=1000,
        aliases=("swap_blocks",),
        is_free=True,
    )
    gradient_checkpointing: bool = option(
        False,
        "Recompute blocks in the backward pass: slower, with much less memory. Always on with blocks_to_swap.",
        aliases=("checkpointing",),
        is_free=True,
    )


@dataclass(frozen=True)
class CheckpointOptions:
    """What is saved on the way."""

    save_every: int = option(250, "Steps between checkpoints.", low=1, high=100_000, is_free=True)
    keep: int = option(
        4, "Number of checkpoints kept; the last one always is.", low=1, high=1000, is_free=True
    )


@dataclass(frozen=True)
class SampleOptions:
    """Clips made during training, with and without the LoRA."""

    sample_every: int = option(
        250,
        "Steps between sample clips. V3.2: once, when both experts are trained.",
        low=0,
        high=100_000,
        zero="no samples",
        is_free=True,
    )
    first_sample: int = option(
        0,
        "Step of an additional first sample, for an early impression.",
        low=0,
        high=100_000,
        zero="none",
        is_free=True,
    )
    sample_cfg: float = option(
        0.0,
        "Guidance (cfg) of samples, with and without the LoRA. 1 takes half the time, and suits prompts with words that the "
        "model does not know.",
        low=0.0,
        high=100.0,
        zero="the release's",
        is_free=True,
    )
    sample_prompts: str = option(
        "",
        "Prompts of the sample clips, one per line. Empty: two of the captions, one of them with its drawing as first frame.",
        is_free=True,
    )
