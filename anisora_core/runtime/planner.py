"""Memory that a training will need, before anything is loaded: pure arithmetic over a network's sizes."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.release import Release
from ..families import BlockMemory, family_of

#: What is worked with while gradients go back through a block, over what the block keeps for it: gradients, sums of layers and
#: adapters, float32 copies. Measured by benchmarks/lora_memory.py.
GOING_BACK = 3.8


@dataclass(frozen=True)
class LoraPlan:
    """GB (10^9 bytes). `device` is the sum of what lies on the device at the worst moment; `host` waits in CPU RAM."""

    weights: float
    adapters: float
    kept: float
    block: float
    device: float
    host: float

    def lines(self) -> list[str]:
        return [
            f"weights on the device {self.weights:.1f} GB, in CPU RAM {self.host:.1f} GB",
            f"LoRA with gradients, optimizer state and EMA {self.adapters:.2f} GB",
            f"activations {self.kept:.2f} GB, working memory of one block {self.block:.2f} GB",
            f"in all {self.device:.1f} GB on the device",
        ]


def tokens_of(release: Release, pixels: int, num_frames: int) -> int:
    """Tokens of one clip."""
    grid = release.grid
    return grid.latent_frames(num_frames) * pixels // grid.size_multiple**2


def block_memory_of(release: Release) -> BlockMemory:
    """ValueError for a family that is not planned for."""
    memory = family_of(release).block_memory(release)
    if memory is None:
        raise ValueError(f"release {release.name}: there is no memory plan for its family")
    return memory


def plan_lora(
    memory: BlockMemory,
    *,
    tokens: int,
    rank: int,
    is_fp8: bool,
    swap_blocks: int = 0,
    checkpointing: bool = True,
    optimizer_bytes: int = 8,
) -> LoraPlan:
    """`tokens`: of one clip, times those computed together. `optimizer_bytes` per weight: AdamW 8, in 8 bits 2."""
    each = memory.weights_per_block
    per_weight = 1 if is_fp8 else 2
    away = min(swap_blocks, memory.num_blocks)
    coming = min(away, 3) * each * per_weight  # at work, next, and the one whose gradients are on their way
    weights = (memory.num_blocks - away) * each * per_weight + coming + 2 * memory.other_weights
    adapters = memory.num_blocks * memory.adapter_weights(rank) * (4 + 4 + 4 + optimizer_bytes)
    block = memory.activations(tokens, rank)
    unpacked = 2 * memory.largest_layer * (2 if is_fp8 else 0)
    working = GOING_BACK * block + unpacked
    is_kept_small = checkpointing or away > 0
    kept = memory.num_blocks * (2 * tokens * memory.dim) if is_kept_small else (memory.num_blocks - 1) * block
    host = away * each * per_weight
    parts = (weights, adapters, kept, working)
    return LoraPlan(weights / 1e9, adapters / 1e9, kept / 1e9, working / 1e9, sum(parts) / 1e9, host / 1e9)
