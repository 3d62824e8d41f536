"""Memory that a training will need, before anything is loaded: pure arithmetic over a network's sizes."""

from __future__ import annotations

from dataclasses import dataclass

from ..families.wan.config import MINI, WAN21_I2V_14B, WAN22_I2V_A14B, WanConfig
from ..releases import MINI_NAME, Release

TEXT_TOKENS, IMAGE_TOKENS = 512, 257
#: What is worked with while gradients go back through a block, over what the block keeps for it: gradients, sums of layers and
#: adapters, float32 copies. Measured by benchmarks/lora_memory.py.
GOING_BACK = 3.8


@dataclass(frozen=True)
class LoraPlan:
    """GB (10^9 bytes). `device` is the sum of what lies on the device at the worst moment; `host` waits in the computer's memory."""

    weights: float
    adapters: float
    kept: float
    block: float
    device: float
    host: float

    def lines(self) -> list[str]:
        return [
            f"weights on the device {self.weights:.1f} GB, in the computer's memory {self.host:.1f} GB",
            f"LoRA with gradients, optimiser and average {self.adapters:.2f} GB",
            f"activations kept {self.kept:.2f} GB, of the block at work {self.block:.2f} GB",
            f"in all {self.device:.1f} GB on the device",
        ]


def tokens_of(release: Release, pixels: int, num_frames: int) -> int:
    """Tokens of one clip."""
    grid = release.grid
    return grid.latent_frames(num_frames) * pixels // grid.size_multiple**2


def transformer_of(release: Release) -> WanConfig:
    """ValueError for a family that is not planned for."""
    if release.family != "wan":
        raise ValueError(f"release {release.name}: memory is planned for Wan's family only")
    if release.name == MINI_NAME:
        return MINI
    return WAN22_I2V_A14B if release.boundary is not None else WAN21_I2V_14B


def block_parameters(config: WanConfig) -> int:
    """Weights of a block's linear layers."""
    attention = 4 * config.dim * config.dim
    image = 2 * config.dim * config.dim if config.has_image_branch else 0
    return 2 * attention + image + 2 * config.dim * config.ffn_dim


def adapter_parameters(config: WanConfig, rank: int) -> int:
    """Of one block, all linear layers adapted."""
    squares = 10 if config.has_image_branch else 8
    return rank * (squares * 2 * config.dim + 2 * (config.dim + config.ffn_dim))


def block_activations(config: WanConfig, tokens: int, rank: int) -> float:
    """Bytes that a block with adapters keeps for going back, in bfloat16 under autocast; counted by a test.

    Of D per token: what the norms, modulations, projections, both attentions and gates see and give, 18 in all; text and image
    tokens are projected into keys and values; twice the feed-forward's width.
    """
    adapters = 12 if config.has_image_branch else 10
    per_token = 18 * 2 * config.dim + 4 * config.ffn_dim + 2 * rank * adapters
    beside = TEXT_TOKENS + (IMAGE_TOKENS if config.has_image_branch else 0)
    return tokens * per_token + beside * 9 * config.dim + 2 * adapter_parameters(config, rank)


def plan_lora(
    config: WanConfig,
    *,
    tokens: int,
    rank: int,
    is_fp8: bool,
    swap_blocks: int = 0,
    checkpointing: bool = True,
    optimizer_bytes: int = 8,
) -> LoraPlan:
    """`tokens`: of one clip, times those computed together. `optimizer_bytes` per weight: AdamW 8, in 8 bits 2."""
    each = block_parameters(config)
    per_weight = 1 if is_fp8 else 2
    away = min(swap_blocks, config.num_layers)
    others = (config.text_dim + config.dim) * config.dim + (
        config.dim * 6 + config.dim + config.freq_dim
    ) * config.dim
    coming = min(away, 3) * each * per_weight  # at work, next, and the one whose gradients are on their way
    weights = (config.num_layers - away) * each * per_weight + coming + 2 * others
    adapters = config.num_layers * adapter_parameters(config, rank) * (4 + 4 + 4 + optimizer_bytes)
    block = block_activations(config, tokens, rank)
    unpacked = 2 * config.dim * config.ffn_dim * (2 if is_fp8 else 0)
    working = GOING_BACK * block + unpacked
    is_kept_small = checkpointing or away > 0
    kept = config.num_layers * (2 * tokens * config.dim) if is_kept_small else (config.num_layers - 1) * block
    host = away * each * per_weight
    parts = (weights, adapters, kept, working)
    return LoraPlan(weights / 1e9, adapters / 1e9, kept / 1e9, working / 1e9, sum(parts) / 1e9, host / 1e9)
