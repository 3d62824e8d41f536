"""Which examples a step sees: a function of the seed and the step alone, so that a resumed run sees what it would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...conditioning.prompt import as_sentence, compose_prompt
from ...data.captions import compose_caption, without_trigger
from ...domain.release import Release
from .cache import ExampleCache, TextCache
from .examples import Example, Motion
from .options import CaptionOptions, StepShares


@dataclass(frozen=True)
class Pool:
    """Examples of one shape, drawn by their items' repeats, `batch_size` a step and process; `share` of the steps.

    `is_given`: with their keyframes. `is_prior`: the answer wanted is the model's own.
    """

    examples: Sequence[Example]
    share: float
    batch_size: int
    is_given: bool = False
    is_prior: bool = False
    weights: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        repeats = np.array([example.item.repeats for example in self.examples], np.float64)
        object.__setattr__(self, "weights", repeats / repeats.sum())


@dataclass(frozen=True)
class LoraBatches(Dataset[dict[str, Tensor]]):
    """Item `step`: every `world`-th clip, from `rank` on, of that step's `world` batches.

    latent, guide, mask and text stacked; key [B] for noise and dropout; level [B] evenly spread over 0..1 in the whole batch.
    """

    pools: Sequence[Pool]
    cache: ExampleCache
    texts: TextCache
    captions: CaptionOptions
    release: Release
    seed: int
    rank: int = 0
    world: int = 1

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, step))
        shares = np.array([pool.share for pool in self.pools])
        pool = self.pools[int(rng.choice(len(self.pools), p=shares / shares.sum()))]
        total = pool.batch_size * self.world
        rows = [self.row(pool, step, index, total) for index in range(self.rank, total, self.world)]
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def row(self, pool: Pool, step: int, index: int, total: int) -> dict[str, Tensor]:
        # a resumed training draws what it would have: what is drawn, and in which order, must not change
        rng = np.random.default_rng((self.seed, step, index))
        example = pool.examples[int(rng.choice(len(pool.examples), p=pool.weights))]
        encoded = self.cache.read(example)
        motion = self.motion_in_prompt(pool, encoded.motion)
        is_dropped = rng.random() < self.captions.caption_dropout
        order = int(rng.integers(self.captions.orders))
        prompt = "" if is_dropped else prompt_of(example, motion, self.captions, self.release, order)
        key = torch.tensor(int(rng.integers(1 << 62)))
        level = torch.tensor((index + float(rng.random())) / total)
        row = {
            "latent": encoded.latent,
            "guide": encoded.blank,
            "mask": encoded.latent.new_zeros(self.mask_channels, *encoded.latent.shape[1:]),
            "text": self.texts.read(prompt),
            "key": key,
            "level": level,
        }
        if pool.is_prior:
            row["prior_text"] = self.texts.read("" if is_dropped else self.prior_prompt(example, motion))
        if pool.is_given or example.self_guided:
            row |= {"guide": encoded.guide, "mask": encoded.mask}
            if encoded.image is not None:
                row["image"] = encoded.image
        return row

    @property
    def mask_channels(self) -> int:
        return 0 if self.release.guide_method == "per_keyframe" else self.release.grid.frames_per_latent

    def motion_in_prompt(self, pool: Pool, motion: Motion) -> Motion:
        """In a prior step what artists ask for, the release's usual score, since the answer is not the example."""
        return Motion(self.release.motion_score) if pool.is_prior else motion

    def prior_prompt(self, example: Example, motion: Motion) -> str:
        """The prompt without the trigger, for the model's own answer."""
        item = replace(example.item, caption=without_trigger(example.item.caption, self.captions.trigger))
        captions = replace(self.captions, trigger="", shuffle=False)
        return prompt_of(replace(example, item=item), motion, captions, self.release, 0)

    def prompts(self) -> list[str]:
        """All that steps may ask for."""
        found = [""]
        for pool in self.pools:
            for example in pool.examples:
                motion = self.motion_in_prompt(pool, self.cache.motion(example))
                orders = range(self.captions.orders)
                found += [prompt_of(example, motion, self.captions, self.release, order) for order in orders]
                if pool.is_prior:
                    found.append(self.prior_prompt(example, motion))
        return list(dict.fromkeys(found))


def prompt_of(
    example: Example, motion: Motion, captions: CaptionOptions, release: Release, order: int
) -> str:
    """`order`: which of the caption's shuffled orders, 0 for its own."""
    rng = np.random.default_rng((order, int(example.item.content[:8], 16)))
    caption = compose_caption(
        example.item.caption if captions.use_captions else "",
        captions.trigger,
        shuffle=captions.shuffle and order > 0,
        keep=captions.keep_tokens,
        rng=rng,
    )
    caption = ". ".join(part for part in (caption.rstrip(". "), motion.words) if part)
    return compose_prompt(as_sentence(caption), release, motion.score)


def pools_of(
    examples: Sequence[Example], shares: StepShares, *, batch_size: int, clip_batch_size: int
) -> list[Pool]:
    """Pools of one shape each."""
    groups: dict[object, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.shape, []).append(example)
    stills = [group for group in groups.values() if group[0].kind == "still"]
    clips = [group for group in groups.values() if group[0].kind != "still"]
    given, prior = shares.given_share, shares.prior_preservation
    return [
        *_shared(stills, shares.still_share, batch_size),
        *_shared(clips, shares.move_share, clip_batch_size),
        *_shared(clips, given * (1.0 - prior), clip_batch_size, is_given=True),
        *_shared(clips, given * prior, clip_batch_size, is_given=True, is_prior=True),
    ]


def _shared(groups: Sequence[Sequence[Example]], share: float, batch_size: int, **kind: bool) -> list[Pool]:
    """By how often an epoch shows them."""
    shown = [sum(example.item.repeats for example in group) for group in groups]
    return [
        Pool(group, share * count / sum(shown), batch_size, **kind)
        for group, count in zip(groups, shown, strict=True)
        if share
    ]
