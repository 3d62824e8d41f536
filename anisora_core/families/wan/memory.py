"""Sizes of Wan's transformer, for the memory planner: arithmetic over its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from ..interface import BlockMemory
from .config import WanConfig

TEXT_TOKENS, IMAGE_TOKENS = 512, 257


@dataclass(frozen=True)
class WanMemory(BlockMemory):
    config: WanConfig

    @property
    def num_blocks(self) -> int:  # type: ignore[override]
        return self.config.num_layers

    @property
    def dim(self) -> int:  # type: ignore[override]
        return self.config.dim

    @property
    def weights_per_block(self) -> int:
        config = self.config
        attention = 4 * config.dim * config.dim
        image = 2 * config.dim * config.dim if config.has_image_branch else 0
        return 2 * attention + image + 2 * config.dim * config.ffn_dim

    @property
    def other_weights(self) -> int:
        config = self.config
        text = (config.text_dim + config.dim) * config.dim
        time = (config.dim * 6 + config.dim + config.freq_dim) * config.dim
        return text + time

    @property
    def largest_layer(self) -> int:
        return self.config.dim * self.config.ffn_dim

    def adapter_weights(self, rank: int) -> int:
        config = self.config
        squares = 10 if config.has_image_branch else 8
        return rank * (squares * 2 * config.dim + 2 * (config.dim + config.ffn_dim))

    def activations(self, tokens: int, rank: int) -> float:
        """Counted by a test. Of D per token: what the norms, modulations, projections, both attentions and gates take and give, 18
        in all; text and image tokens are projected into keys and values; twice the feed-forward's width.
        """
        config = self.config
        adapters = 12 if config.has_image_branch else 10
        per_token = 18 * 2 * config.dim + 4 * config.ffn_dim + 2 * rank * adapters
        beside = TEXT_TOKENS + (IMAGE_TOKENS if config.has_image_branch else 0)
        return tokens * per_token + beside * 9 * config.dim + 2 * self.adapter_weights(rank)
