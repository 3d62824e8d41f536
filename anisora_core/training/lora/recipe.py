"""Everything that decides what a LoRA training gives, as one value of nested option groups."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...domain.atomic_write import write_beside
from ...domain.json_text import read_json
from ...domain.release import Release
from ...generation.plan import SamplingPlan, plan_sampling
from ...lora.trainable import AdapterSettings
from ...releases import DEFAULT_RELEASE, find_release
from ..engine.settings import TrainingSettings
from ..noise_levels import NoiseLevels
from ..strategies import STRATEGIES, strategy_of
from .option_field import Option, check, named_options, option, options_of
from .options import (
    AdapterOptions,
    CaptionOptions,
    CheckpointOptions,
    DataOptions,
    MemoryOptions,
    NoiseOptions,
    OptimizationOptions,
    SampleOptions,
    StepShares,
)
from .presets import PRESETS

if TYPE_CHECKING:
    from ..strategies import Strategy

#: Characters and names that some system does not allow for files.
_FORBIDDEN = set('<>:"/\\|?*')
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)\d) *(\..*)?", re.IGNORECASE)
_LONGEST_NAME = 50


@dataclass(frozen=True)
class LoraRecipe:
    """The defaults are the preset `normal`. Where 0 means the release's own, the properties below resolve it."""

    name: str = option("my_style", "Name of the LoRA in models/loras.")
    release: str = option(DEFAULT_RELEASE, "Which release the LoRA is for.")
    task: str = option(
        "style",
        "What is trained. style: the look of the drawings. motion area: motion masks as in the paper, from clips. keyframes: to follow "
        "keyframes. video: on clips, with drawings as stills among them.",
        choices=STRATEGIES,
    )
    seed: int = option(0, "The same seed gives the same LoRA.", low=0, high=(1 << 32) - 1)
    data: DataOptions = DataOptions()
    captions: CaptionOptions = CaptionOptions()
    shares: StepShares = StepShares()
    optimization: OptimizationOptions = OptimizationOptions()
    adapter: AdapterOptions = AdapterOptions()
    noise: NoiseOptions = NoiseOptions()
    memory: MemoryOptions = MemoryOptions()
    checkpoints: CheckpointOptions = CheckpointOptions()
    samples: SampleOptions = SampleOptions()

    def __post_init__(self) -> None:
        values = self.flat()
        for one in OPTIONS.values():
            check(one, values[one.name])
        check_name(self.name)
        shares = self.shares
        if not any((shares.still_share, shares.move_share, shares.given_share)):
            raise ValueError(
                "still_share, move_share and given_share are all 0; give one a share of the steps"
            )
        if self.data.shortest > self.num_frames:
            raise ValueError(f"shortest {self.data.shortest} is more than length {self.num_frames}; lower it")
        if self.adapter.dora and self.memory.base == "fp8":
            raise ValueError("dora needs the weights' own norms, which fp8 rounds; use base as loaded")
        self.strategy.require_fit(self)

    def flat(self) -> dict[str, Any]:
        """Option name -> value."""
        return {
            one.name: getattr(getattr(self, one.group) if one.group else self, one.name)
            for one in OPTIONS.values()
        }

    def changed(self, **values: Any) -> LoraRecipe:
        """With other values, by the names of their options or those of earlier versions. ValueError for an unknown name."""
        groups: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            one = find_option(name)
            groups.setdefault(one.group, {})[one.name] = value
        own = groups.pop("", {})
        inner = {group: replace(getattr(self, group), **values) for group, values in groups.items()}
        return replace(self, **own, **inner)

    @property
    def model(self) -> Release:
        return find_release(self.release)

    @property
    def strategy(self) -> Strategy:
        return strategy_of(self.task)

    @property
    def pixels(self) -> int:
        width, height = self.model.size
        return self.data.max_pixels or width * height

    @property
    def fps(self) -> float:
        return self.data.fps or self.model.fps

    @property
    def num_frames(self) -> int:
        return self.data.length or self.model.num_frames

    @property
    def lengths(self) -> list[int]:
        """Of moving examples, in turn: legal ones, evenly spread."""
        shortest = self.data.shortest
        steps = max(1, self.data.variants - 1)
        spread = (self.num_frames - shortest) / steps if shortest else 0.0
        found = (self.num_frames - round(spread * step) for step in range(steps + 1))
        return list(dict.fromkeys(self.model.grid.longest_within(length) for length in found))

    @property
    def step_shares(self) -> StepShares:
        return self.strategy.step_shares(self)

    @property
    def clip_batch_size(self) -> int:
        return self.optimization.clip_batch_size or self.optimization.batch_size

    @property
    def adapter_settings(self) -> AdapterSettings:
        said = self.adapter
        return AdapterSettings(said.rank, said.alpha or None, said.dropout, said.targets, said.dora)

    @property
    def peak_learning_rate(self) -> float:
        own = 1.0 if self.optimization.optimizer == "prodigy" else self.model.lora_learning_rate
        return self.optimization.learning_rate or own

    @property
    def training_settings(self) -> TrainingSettings:
        """One report a step; the caller decides what is shown."""
        said = self.optimization
        return TrainingSettings(
            steps=said.steps,
            learning_rate=self.peak_learning_rate,
            schedule=said.schedule,  # type: ignore[arg-type]
            warmup=said.warmup,
            ema_decay=said.ema_decay,
            max_grad_norm=said.max_grad_norm,
            weight_decay=said.weight_decay,
            save_every=self.checkpoints.save_every,
            log_every=1,
            num_workers=0,
            optimizer=said.optimizer,  # type: ignore[arg-type]
            gradient_accumulation=said.gradient_accumulation,
            seed=self.seed,
        )

    def levels(self, low: float = 0.0, high: float = 1.0) -> NoiseLevels:
        shift = self.noise.shift or self.model.shift
        sigmas = sorted(plan_sampling(self.model, shift=shift).sigmas)
        return NoiseLevels(self.noise.timestep_sampling, shift, low, high, sigmas)  # type: ignore[arg-type]

    def sampling(self, size: tuple[int, int]) -> SamplingPlan:
        """Of a sample of `size` (height, width)."""
        return plan_sampling(self.model, cfg_scale=self.samples.sample_cfg or None, size=size)

    def prompts(self) -> list[str]:
        return [line.strip() for line in self.samples.sample_prompts.splitlines() if line.strip()]

    def save(self, path: Path) -> None:
        with write_beside(path) as part:
            part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")


#: By name, in the order of the groups.
OPTIONS = options_of(LoraRecipe)


def find_option(name: str) -> Option:
    """By its name, or one of earlier versions. ValueError for an unknown name."""
    try:
        return named_options(LoraRecipe)[name]
    except KeyError:
        said = name if name.isprintable() else repr(name)
        raise ValueError(f"{said[:80]} is not an option of a LoRA training; remove it") from None


def preset(name: str) -> LoraRecipe:
    return LoraRecipe().changed(**PRESETS[name].values)


def check_name(name: str) -> None:
    """ValueError for what cannot be a file's name everywhere."""
    is_plain = name.isprintable() and not _FORBIDDEN & set(name) and name == name.strip(" .")
    if not name or not is_plain or _RESERVED.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(
            f"name {name[:80]!r}: use 1 to {_LONGEST_NAME} letters, digits, spaces, - and _, and no path"
        )


def options_in(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe's file says, without its groups; earlier versions wrote none. A group is an object, and no option is."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        found |= cast(dict[str, Any], value) if isinstance(value, dict) else {name: value}
    return found


def recipe_from(said: Mapping[str, Any]) -> LoraRecipe:
    """ValueError for an option that is unknown, or a value that does not fit."""
    return LoraRecipe().changed(**options_in(said))


def read_recipe(path: Path) -> LoraRecipe:
    """ValueError for a file that is not a recipe."""
    try:
        said = read_json(path)
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read as a recipe ({error}); use a recipe.json of a training"
        ) from None
    if not isinstance(said, dict):
        raise ValueError(f"{path} is not a recipe; use a recipe.json of a training")
    return recipe_from(cast(dict[str, Any], said))
