"""Sample clips with fixed seeds during training, the base model's beside them, and whether they still move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...conditioning.guide import encode_guide
from ...conditioning.prompt import as_sentence, compose_prompt
from ...conditioning.timeline import place as place_timeline
from ...data.captions import compose_caption
from ...data.training_folder import Item, TrainingFolder
from ...domain.conditions import Guide, Keyframe, TextFeatures, Timeline
from ...domain.latents import NormalizedLatent
from ...evaluation.metrics.motion_amount import motion_amount
from ...families import VideoTransformer, VideoVAE, family_of
from ...generation.components import Experts
from ...generation.loading import load_vae
from ...generation.pipeline import decode_frames
from ...generation.sampling import sample
from ...lora.apply import LoraUse
from ...lora.changes import Change
from ...lora.read import Lora
from ...media.contact_sheet import contact_sheet
from ...media.frames import read_frames
from ...media.resize import cover_crop_pixels
from ...media.tensors import to_bytes, to_floats
from ...media.video import write_webp
from ..engine.events import Event, Sampled, Warned
from .cache import TextCache
from .examples import ExampleEncoders
from .recipe import LoraRecipe
from .stages import Place

#: Outside of this range, samples have lost motion, or shake.
MOTION_KEPT = (0.8, 1.25)

#: Standard deviation of a picture of one colour, in 8-bit levels, with what JPEG adds; a thin line on paper has 8.
PLAIN_BELOW = 3.0


@dataclass(frozen=True)
class SampleShot:
    """A sample to make: its prompt, its guide, and image features of the drawing it starts from, if any."""

    prompt: str
    guide: Guide
    image_BLD: torch.Tensor | None
    seed: int


@dataclass(frozen=True)
class SampleRequest:
    """A shot before it is encoded. `picture_HWC`: 0..1, the first frame; None: from the prompt alone."""

    caption: str
    picture_HWC: torch.Tensor | None
    size: tuple[int, int]


def requests_of(recipe: LoraRecipe, drawings: TrainingFolder) -> list[SampleRequest]:
    """One from a caption alone, and one that starts from a drawing; with the artist's prompts, those alone."""
    width, height = recipe.model.size
    size = recipe.model.grid.fit_area(recipe.pixels, height, width)
    if recipe.prompts():
        return [SampleRequest(prompt, None, size) for prompt in recipe.prompts()]
    items = [item for item in drawings.items if item.num_frames == 1] or list(drawings.items)
    last, drawing = last_drawing(items, recipe.fps)
    chosen = items[0], last
    captions = [item.caption if recipe.captions.use_captions else "" for item in chosen]
    rng = np.random.default_rng(0)  # not used without shuffling
    trigger = recipe.captions.trigger
    said = [compose_caption(text, trigger, shuffle=False, keep=0, rng=rng) for text in captions]
    return [
        SampleRequest(said[0], None, size),
        SampleRequest(said[1], to_floats(cover_crop_pixels(drawing, size)), size),
    ]


def last_drawing(items: Sequence[Item], fps: float) -> tuple[Item, np.ndarray]:
    """The last item with something on it, and its first frame, uint8 HWC; the last one where all are plain areas of colour."""
    for item in reversed(items):
        frame = read_frames(item.path, fps, 1)[0]
        if frame.std(axis=(0, 1)).max() > PLAIN_BELOW:
            return item, frame
    return items[-1], read_frames(items[-1].path, fps, 1)[0]


def shots_of(
    requests: Sequence[SampleRequest], recipe: LoraRecipe, encoders: ExampleEncoders
) -> list[SampleShot]:
    release, shots = recipe.model, list[SampleShot]()
    encode_image = encoders.encode_image
    for number, request in enumerate(requests):
        picture = request.picture_HWC
        keyframes = () if picture is None else (Keyframe(picture),)
        timeline = Timeline(recipe.num_frames, recipe.fps, *request.size, keyframes)
        guide = encode_guide(
            place_timeline(timeline, release.key_multiple), release.guide_rules, encoders.encode
        )
        image = encode_image(picture[None]) if encode_image and picture is not None else None
        prompt = compose_prompt(as_sentence(request.caption), release)
        shots.append(SampleShot(prompt, guide, image, recipe.seed + number))
    return shots


@dataclass(frozen=True)
class SampleMaker:
    """Makes the samples of a training."""

    recipe: LoraRecipe
    place: Place
    shots: Sequence[SampleShot]
    texts: TextCache
    should_stop: Callable[[], bool]

    def load_vae(self) -> VideoVAE:
        return load_vae(self.recipe.model, self.place.files, self.place.dtype, self.place.device)

    def make(
        self, transformer: VideoTransformer | Experts, vae: VideoVAE, loras: Sequence[LoraUse] = ()
    ) -> list[np.ndarray]:
        """uint8 FHWC clips. [] when `should_stop` returns True."""
        clips: list[np.ndarray] = []
        for shot in self.shots:
            latent = self.latent_of(shot, transformer, loras)
            if latent is None:
                return []
            clips.append(to_bytes(torch.cat(list(decode_frames(vae, latent)))))
        return clips

    def latent_of(
        self, shot: SampleShot, transformer: VideoTransformer | Experts, loras: Sequence[LoraUse]
    ) -> NormalizedLatent | None:
        release, device = self.recipe.model, self.place.device
        text, negative = (self.texts.read(prompt)[None] for prompt in (shot.prompt, release.negative_prompt))
        no_text = torch.zeros_like(text) if release.zero_negative else negative
        guide = Guide(shot.guide.latent_BCTHW.to(device), shot.guide.mask_BMTHW.to(device))
        latent = guide.latent_BCTHW
        features = TextFeatures(text, no_text, shot.image_BLD)
        height, width = (side * release.grid.pixels_per_latent for side in latent.shape[-2:])
        plan = self.recipe.sampling((height, width))
        for step in sample(transformer, guide, features, plan, shot.seed, loras):
            latent = NormalizedLatent(step.x)
            if self.should_stop():
                return None
        return latent

    def styled(self, changes: Mapping[str, Change]) -> LoraUse:
        """What was learned so far, for use in a sample."""
        return LoraUse(Lora(Path("sample"), family_of(self.recipe.model), dict(changes)))

    def compare(
        self, base: Sequence[np.ndarray], styled: Sequence[np.ndarray], run: Path, step: int
    ) -> Iterator[Event]:
        """Writes the samples, and warns when they lost motion or shake."""
        sheet, clips = write_samples(base, styled, run / "samples", step, self.recipe.fps)
        ratio = motion_ratio(base, styled)
        yield Sampled(step, sheet, clips, ratio)
        low, high = MOTION_KEPT
        if ratio < low or ratio > high:
            rate = self.recipe.peak_learning_rate
            advice = (
                "raise prior_preservation or move_share, or stop earlier"
                if ratio < low
                else f"raise length, or lower learning_rate, now {rate:g}"
            )
            yield Warned(f"step {step}: samples move {ratio:.2f} times as much as the base model's; {advice}")


def write_samples(
    base: Sequence[np.ndarray], styled: Sequence[np.ndarray], folder: Path, step: int, fps: float
) -> tuple[Path, tuple[Path, ...]]:
    """(sheet, clips): a clip each, and a sheet with the base model's row above the LoRA's."""
    clips = tuple(folder / f"step_{step:06d}_{number}.webp" for number in range(len(styled)))
    for clip, path in zip(styled, clips, strict=True):
        write_webp(clip, path, fps)
    sheet = folder / f"step_{step:06d}.jpg"
    contact_sheet([row for pair in zip(base, styled, strict=True) for row in pair], sheet)
    return sheet, clips


def motion_ratio(base: Sequence[np.ndarray], styled: Sequence[np.ndarray]) -> float:
    """Motion of the LoRA's clips over that of the base model's."""
    return sum(map(motion_amount, styled)) / max(1e-6, sum(map(motion_amount, base)))


def thumbnail_of(clips: Sequence[np.ndarray]) -> np.ndarray:
    return clips[0][len(clips[0]) // 2]
