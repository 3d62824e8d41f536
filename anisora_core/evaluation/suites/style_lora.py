"""How near a LoRA brings clips to the drawings of a style, and what it costs: motion, and drawings given as keyframes.

Compared with drawings that the LoRA was not trained on, asked for in their captions. docs/style_lora.md says what the figures mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ...data.captions import compose_caption, without_trigger
from ...domain.conditions import Keyframe, Timeline
from ...domain.release import Release
from ...generation.components import Components
from ...generation.pipeline import Request
from ...lora.apply import LoraUse
from ...lora.read import Lora
from ...media.tensors import to_floats
from ..metrics.fidelity import SquaredError, pooled, squared_error
from ..metrics.motion_amount import mean_speed
from ..metrics.style_distance import colour_distance, line_distance
from ..reference_clips import generate, reconstruct

SEED = 720_000
#: From text alone mini draws blots in its four steps, and pictures in these.
TEXT_STEPS, TEXT_SHIFT = 12, 5.0
#: Clips from text alone, at least; and those made again at strength 0 and at the release's own guidance.
FREE, AGAIN = 10, 6

#: (colours, lines)
Distances = tuple[float, float]


@dataclass(frozen=True)
class StyleDrawings:
    """Of the clip's size, uint8 NHWC. `captions`: of those held out, as trained, with the trigger if they have it."""

    trained_on: np.ndarray
    held_out: np.ndarray
    captions: Sequence[str]
    trigger: str


@dataclass(frozen=True)
class StyleComparison:
    """Gains are shares by which distances to the style shrink; below 0 they grow."""

    style_gain: float
    style_gain_colour: float
    style_gain_line: float
    keyframed_farther: list[float]
    motion_ratio: float
    motion_ratio_words: float
    motion_ratio_keyframed: float
    keyframe_loss_db: float
    style_distance_base: list[float]
    keyframed_distance_base: list[float]


@dataclass(frozen=True)
class StyleFigures:
    """`self_guide_*`: of a LoRA trained as other trainers do, each still being its own guide."""

    lora: StyleComparison
    style_gain_raw: list[float]
    style_distance_of_trained_drawings: list[float]
    style_distance_of_vae: list[float]
    self_guide_style_gain: float
    self_guide_style_gain_both: list[float]
    strength_0_identical: bool
    strength_half_gain: list[float]
    at_own_guidance: StyleComparison | None
    #: Drawings, then two clips each: base, LoRA and peer from text, base and LoRA from drawings.
    rows: list[np.ndarray]

    def as_json(self) -> dict[str, Any]:
        """Keys of results/style_lora_*.json, without the release's own guidance."""
        skipped = ("lora", "at_own_guidance", "rows")
        return asdict(self.lora) | {key: value for key, value in vars(self).items() if key not in skipped}


@dataclass(frozen=True)
class Asked:
    """A clip to make: `seed` is its noise's."""

    text: str
    seed: int
    keyframes: tuple[Keyframe, ...] = ()


@dataclass(frozen=True)
class Made:
    """Clips from text alone, and from the drawings held out."""

    free: list[np.ndarray]
    keyed: list[np.ndarray]


@dataclass(frozen=True)
class StyleBench:
    """Makes the same clips by the base model and with LoRAs."""

    components: Components
    release: Release
    drawings: StyleDrawings
    #: The drawings held out through the VAE: on both sides of what is compared, so that its blur is no part of the style.
    reconstructed: np.ndarray

    def from_text(self) -> list[Asked]:
        """Each caption equally often, `FREE` clips or more."""
        texts = self.texts
        rounds = math.ceil(FREE / len(texts))
        return [
            Asked(text, SEED + 100 * number + n) for number in range(rounds) for n, text in enumerate(texts)
        ]

    def from_drawings(self) -> list[Asked]:
        pairs = zip(self.texts, self.drawings.held_out, strict=True)
        return [
            Asked(text, SEED + n, (Keyframe(to_floats(drawing), "first"),))
            for n, (text, drawing) in enumerate(pairs)
        ]

    @property
    def texts(self) -> list[str]:
        return [without_trigger(caption, self.drawings.trigger) for caption in self.drawings.captions]

    def make(self, asked: Sequence[Asked], guidance: float, *loras: LoraUse) -> list[np.ndarray]:
        return [self.clip(one, guidance, loras) for one in asked]

    def clip(self, asked: Asked, guidance: float, loras: tuple[LoraUse, ...]) -> np.ndarray:
        release, text = self.release, asked.text
        width, height = release.size
        timeline = Timeline(release.num_frames, release.fps, height, width, asked.keyframes)
        if loras and loras[0].strength:  # the base model does not know the words that call the style
            rng = np.random.default_rng(0)
            text = compose_caption(text, self.drawings.trigger, shuffle=False, keep=1, rng=rng)
        request = Request(timeline, prompt=text, seed=asked.seed, cfg_scale=guidance, loras=loras)
        if not asked.keyframes:
            request = replace(request, steps=TEXT_STEPS, shift=TEXT_SHIFT)
        return generate(self.components, release, request)

    def distances(self, clips: Sequence[np.ndarray], style: np.ndarray | None = None) -> Distances:
        """Of all frames, to the reconstructed drawings or others."""
        frames = np.concatenate(list(clips))
        style = self.reconstructed if style is None else style
        return colour_distance(frames, style), line_distance(frames, style)

    def gains(
        self, clips: Sequence[np.ndarray], base: Distances, style: np.ndarray | None = None
    ) -> list[float]:
        """How much nearer than the distances of `base`, as a share: (colours, lines); below 0 it is farther."""
        pairs = zip(self.distances(clips, style), base, strict=True)
        return [round(1.0 - now / before, 3) for now, before in pairs]

    def compare(self, made: Made, base: Made) -> StyleComparison:
        free, keyed = self.distances(base.free), self.distances(base.keyed)
        colour, line = self.gains(made.free, free)
        lost = self.keyframe_error(base.keyed).psnr - self.keyframe_error(made.keyed).psnr
        return StyleComparison(
            style_gain=min(colour, line),
            style_gain_colour=colour,
            style_gain_line=line,
            keyframed_farther=[round(-gain, 3) for gain in self.gains(made.keyed, keyed)],
            motion_ratio=round(
                mean_speed([*made.free, *made.keyed]) / mean_speed([*base.free, *base.keyed]), 3
            ),
            motion_ratio_words=round(mean_speed(made.free) / mean_speed(base.free), 3),
            motion_ratio_keyframed=round(mean_speed(made.keyed) / mean_speed(base.keyed), 3),
            keyframe_loss_db=round(lost, 2),
            style_distance_base=rounded(free),
            keyframed_distance_base=rounded(keyed),
        )

    def keyframe_error(self, clips: Sequence[np.ndarray]) -> SquaredError:
        """Of the first frames; clips may be fewer than drawings."""
        pairs = zip(clips, self.drawings.held_out, strict=False)
        return pooled(squared_error(clip[:1], drawing[None]) for clip, drawing in pairs)


def measure_style(
    components: Components, release: Release, drawings: StyleDrawings, lora: Lora, peer: Lora, guidance: float
) -> StyleFigures:
    """`guidance`: of all clips. `peer`: a LoRA trained as other trainers do, to compare with."""
    bench = StyleBench(components, release, drawings, through_vae(components, drawings.held_out))
    free, keyed, use = bench.from_text(), bench.from_drawings(), LoraUse(lora)
    base = Made(bench.make(free, guidance), bench.make(keyed, guidance))
    made = Made(bench.make(free, guidance, use), bench.make(keyed, guidance, use))
    half = bench.make(free, guidance, LoraUse(lora, 0.5))
    off = bench.make(free[:AGAIN], guidance, LoraUse(lora, 0.0))
    theirs = bench.make(free, guidance, LoraUse(peer))
    before, held_out = bench.distances(base.free), drawings.held_out
    peer_gains = bench.gains(theirs, before)
    own = None
    if guidance != release.cfg_scale:
        own = _at_guidance(bench, release.cfg_scale, free[:AGAIN], keyed[:AGAIN], use)
    return StyleFigures(
        lora=bench.compare(made, base),
        style_gain_raw=bench.gains(made.free, bench.distances(base.free, held_out), held_out),
        style_distance_of_trained_drawings=rounded(
            bench.distances([through_vae(components, drawings.trained_on)])
        ),
        style_distance_of_vae=rounded(bench.distances([held_out])),
        self_guide_style_gain=min(peer_gains),
        self_guide_style_gain_both=peer_gains,
        strength_0_identical=all(map(np.array_equal, off, base.free)),
        strength_half_gain=bench.gains(half, before),
        at_own_guidance=own,
        rows=[held_out[:8], *base.free[:2], *made.free[:2], *theirs[:2], *base.keyed[:2], *made.keyed[:2]],
    )


def _at_guidance(
    bench: StyleBench, guidance: float, free: Sequence[Asked], keyed: Sequence[Asked], use: LoraUse
) -> StyleComparison:
    base = Made(bench.make(free, guidance), bench.make(keyed, guidance))
    made = Made(bench.make(free, guidance, use), bench.make(keyed, guidance, use))
    return bench.compare(made, base)


def through_vae(components: Components, drawings: np.ndarray) -> np.ndarray:
    """Each alone."""
    return np.concatenate([reconstruct(components.vae, drawing[None]) for drawing in drawings])


def rounded(distances: Distances) -> list[float]:
    return [round(value, 2) for value in distances]
