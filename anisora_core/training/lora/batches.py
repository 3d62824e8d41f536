"""Which examples a step sees: a function of the seed and the step alone, so that a resumed run sees what it would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...conditioning.prompt import compose_prompt
from ...data.captions import compose_caption, without_trigger
from ...domain.release import Release
from .examples import Example, ExampleCache, TextCache, Told


@dataclass(frozen=True)
class Words:
    """How captions become prompts. `dropout`: share of examples without words, which classifier-free guidance needs.

    `has_captions`: else the trigger stands alone.
    """

    trigger: str = ""
    has_captions: bool = True
    shuffle: bool = False
    keep: int = 1
    dropout: float = 0.1

    @property
    def orders(self) -> int:
        """Text is encoded before training, so shuffling is among a few orders."""
        return 6 if self.shuffle else 1


@dataclass(frozen=True)
class Shares:
    """Of the steps: on stills, on moving examples without and with what they are given; `prior`: of the latter, those that keep
    the network as it was."""

    still: float = 0.0
    move: float = 0.0
    given: float = 0.0
    prior: float = 0.0

    @property
    def are_moving(self) -> bool:
        """Whether any step is on moving examples."""
        return self.move > 0.0 or self.given > 0.0


@dataclass(frozen=True)
class Pool:
    """Examples of one shape, drawn by their items' repeats, `batch` a step and process; `share` of the steps. `is_given`: with
    their keyframes."""

    examples: Sequence[Example]
    share: float
    batch: int
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
    words: Words
    release: Release
    seed: int
    rank: int = 0
    world: int = 1

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, step))
        shares = np.array([pool.share for pool in self.pools])
        pool = self.pools[int(rng.choice(len(self.pools), p=shares / shares.sum()))]
        total = pool.batch * self.world
        rows = [self.row(pool, step, index, total) for index in range(self.rank, total, self.world)]
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def row(self, pool: Pool, step: int, index: int, total: int) -> dict[str, Tensor]:
        # a resumed training draws what it would have: what is drawn, and in which order, must not change
        rng = np.random.default_rng((self.seed, step, index))
        example = pool.examples[int(rng.choice(len(pool.examples), p=pool.weights))]
        made = self.cache.read(example)
        told = self.told(pool, made.told)
        is_dropped, order = rng.random() < self.words.dropout, int(rng.integers(self.words.orders))
        prompt = "" if is_dropped else prompt_of(example, told, self.words, self.release, order)
        plain = None
        if pool.is_prior:
            plain = "" if is_dropped else self.plain(example, told)
        key = torch.tensor(int(rng.integers(1 << 62)))
        level = torch.tensor((index + float(rng.random())) / total)
        is_shown = pool.is_given or example.self_guided
        blank_mask = made.latent.new_zeros(self.mask_channels, *made.latent.shape[1:])
        return {
            "latent": made.latent,
            "guide": made.guide if is_shown else made.blank,
            "mask": made.mask if is_shown else blank_mask,
            "text": self.texts.read(prompt),
            "key": key,
            "level": level,
            **({"plain": self.texts.read(plain)} if plain is not None else {}),
            **({"image": made.image} if is_shown and made.image is not None else {}),
        }

    @property
    def mask_channels(self) -> int:
        return 0 if self.release.guide_way == "slots" else self.release.grid.frames_per_latent

    def told(self, pool: Pool, told: Told) -> Told:
        """What the prompt says of an example: in a plain step what artists say, nothing, since the answer is not the example."""
        return Told(self.release.motion_score) if pool.is_prior else told

    def plain(self, example: Example, told: Told) -> str:
        """What the model as it was is told: no trigger."""
        item = replace(example.item, caption=without_trigger(example.item.caption, self.words.trigger))
        words = replace(self.words, trigger="", shuffle=False)
        return prompt_of(replace(example, item=item), told, words, self.release, 0)

    def prompts(self) -> list[str]:
        """All that steps may ask for."""
        said = [""]
        for pool in self.pools:
            for example in pool.examples:
                told = self.told(pool, self.cache.told(example))
                orders = range(self.words.orders)
                said += [prompt_of(example, told, self.words, self.release, order) for order in orders]
                if pool.is_prior:
                    said.append(self.plain(example, told))
        return list(dict.fromkeys(said))


def prompt_of(example: Example, told: Told, words: Words, release: Release, order: int) -> str:
    """`order`: which of the caption's shuffled orders, 0 for its own."""
    rng = np.random.default_rng((order, int(example.item.content[:8], 16)))
    caption = compose_caption(
        example.item.caption if words.has_captions else "",
        words.trigger,
        shuffle=words.shuffle and order > 0,
        keep=words.keep,
        rng=rng,
    )
    caption = ". ".join(part for part in (caption.rstrip(". "), told.words) if part)
    return compose_prompt(caption, release.prompt_tail, told.motion_score)


def pools_of(examples: Sequence[Example], shares: Shares, *, batch: int, moving_batch: int) -> list[Pool]:
    """Pools of one shape each."""
    groups: dict[object, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.shape, []).append(example)
    stills = [group for group in groups.values() if group[0].kind == "still"]
    clips = [group for group in groups.values() if group[0].kind != "still"]
    learned, kept = shares.given * (1.0 - shares.prior), shares.given * shares.prior
    return [
        *_shared(stills, shares.still, batch),
        *_shared(clips, shares.move, moving_batch),
        *_shared(clips, learned, moving_batch, is_given=True),
        *_shared(clips, kept, moving_batch, is_given=True, is_prior=True),
    ]


def _shared(groups: Sequence[Sequence[Example]], share: float, batch: int, **kind: bool) -> list[Pool]:
    """By how often an epoch shows them."""
    shown = [sum(example.item.repeats for example in group) for group in groups]
    return [
        Pool(group, share * count / sum(shown), batch, **kind)
        for group, count in zip(groups, shown, strict=True)
        if share
    ]
