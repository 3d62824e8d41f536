"""The stages that make `mini`, each in a folder of its run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import torch

from ...data.training_clips import ClipSource
from ...encoders.byte_t5 import ByteTextEncoder, init_byte_positions
from ...families.wan.initialization import (
    init_transformer_zero_gates,
    init_vae_frames_first,
    start_from_shallower,
)
from ...families.wan.transformer import WanTransformer
from ...families.wan.vae import WanVAE
from ...generation.components import Components
from ...generation.loading import load_mini
from ...generation.pipeline import vae_encoder
from ...layers.attention import best_attention, explicit_attention
from ...releases import DEFAULT_RELEASE, find_release
from ..engine.events import Encoding
from ..engine.loop import StepReport, mixed_precision, train
from ..engine.run_folder import is_trained, load_average
from ..engine.settings import TrainingSettings
from ..export import export_mini
from ..held_out import reconstruction_sheet, sample_sheet
from ..latent_space import fit_latent_rgb, fit_preview_decoder, latent_statistics, latents_and_frames
from ..objectives import Reconstruction
from ..strategies.autoencoder import Alternating, ClipBatches
from ..strategies.pretraining import (
    Bucket,
    LatentBatches,
    RenderedClips,
    encode_bucket,
    pretraining_objective,
)
from ..text_to_video import TextToVideo
from .mini_recipe import SIZES, MiniRecipe


@dataclass(frozen=True)
class MiniRun:
    """A recipe, where it runs and when it must stop."""

    recipe: MiniRecipe
    folder: Path
    device: torch.device
    stages: Sequence[str]
    art: Path | None = None
    warm: bool = False
    compile: bool = False
    should_stop: Callable[[], bool] = lambda: False

    @property
    def source(self) -> ClipSource:
        """Cartoons alone without a library."""
        return ClipSource(self.art, self.recipe.drawings)

    def rng(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.recipe.seed)


def train_vae_frames(run: MiniRun) -> Iterator[StepReport]:
    yield from train_vae(run, "vae-frames", new_vae(run), cropped_stills(run, 0), run.recipe.frames)


def train_vae_clips(run: MiniRun) -> Iterator[StepReport]:
    vae = new_vae(run)
    continue_from(run, "vae-frames", "vae-clips", vae)
    yield from train_vae(run, "vae-clips", vae, stills_and_clips(run, 1), run.recipe.clips)


def train_vae_decoder(run: MiniRun) -> Iterator[StepReport]:
    """The encoder stays, so that latents keep their meaning for the transformer."""
    vae = trained_vae(run).requires_grad_(True)
    vae.encoder.requires_grad_(False)
    vae.conv1.requires_grad_(False)
    yield from train_vae(run, "vae-decoder", vae, stills_and_clips(run, 2), run.recipe.decoder)


def cropped_stills(run: MiniRun, stream: int) -> ClipBatches:
    recipe = run.recipe
    seed = recipe.seed + stream
    return ClipBatches(run.source, recipe.frames_batch, 1, SIZES, seed, crop=recipe.frames_crop)


def stills_and_clips(run: MiniRun, stream: int) -> Alternating:
    recipe = run.recipe
    clips = ClipBatches(
        run.source,
        recipe.clips_batch,
        recipe.clips_length,
        SIZES,
        recipe.seed + stream,
        steps_per_clip=3,
        crop=recipe.clips_crop,
    )
    return Alternating((cropped_stills(run, stream), clips))


def train_vae(
    run: MiniRun, stage: str, vae: WanVAE, data: ClipBatches | Alternating, settings: TrainingSettings
) -> Iterator[StepReport]:
    folder = run.folder / stage
    yield from train(vae, data, Reconstruction(), settings, folder, run.device, run.should_stop)
    with mixed_precision(run.device):
        reconstruction_sheet(vae, folder / "samples.png")


def new_vae(run: MiniRun) -> WanVAE:
    vae = WanVAE(run.recipe.vae)
    init_vae_frames_first(vae, run.rng())
    if run.warm:
        start_from_shallower(vae, cast(WanVAE, load_mini().vae))
    return vae.requires_grad_(True)


def continue_from(run: MiniRun, earlier: str, stage: str, model: torch.nn.Module) -> None:
    """Start `stage` at an earlier one's weights; a warm run that skipped that keeps the shipped ones."""
    if is_trained(run.folder / stage):
        return  # the loop resumes it
    if not run.warm or is_trained(run.folder / earlier):
        load_average(model, run.folder / earlier)


def trained_vae(run: MiniRun) -> WanVAE:
    """The averaged VAE of this run, its latents normalised by statistics of its own training clips.

    A warm run that trained none keeps the shipped one, so that the shipped transformer's latents stay what they were.
    """
    if not run.recipe.own_vae or (run.warm and not is_trained(run.folder / "vae-clips")):
        vae = cast(WanVAE, load_mini().vae).to(run.device)
    else:
        vae = WanVAE(run.recipe.vae)
        load_average(vae, run.folder / "vae-clips")
        vae.to(run.device).eval()
        with mixed_precision(run.device):
            mean, std = latent_statistics(vae, statistics_clips(run))
        vae.config = replace(vae.config, latent_mean=mean, latent_std=std)
    if is_trained(run.folder / "vae-decoder"):
        load_average(vae, run.folder / "vae-decoder")
    return vae


def statistics_clips(run: MiniRun) -> list[torch.Tensor]:
    data = ClipBatches(run.source, 2, 33, SIZES, seed=run.recipe.seed + 7, steps_per_clip=1)
    return [data[index].to(run.device) for index in range(24)]


def cache_latents(run: MiniRun) -> Iterator[Encoding]:
    """For the stages that will read them; for both when neither is asked for."""
    recipe, vae = run.recipe, trained_vae(run)
    text_encoder = ByteTextEncoder(recipe.text)
    weak = [(bucket, recipe.weak_clips) for bucket in recipe.weak_buckets]
    strong = [(bucket, recipe.strong_clips) for bucket in recipe.strong_buckets]
    wanted = (*(weak if "weak" in run.stages else ()), *(strong if "strong" in run.stages else ()))
    for bucket, clips_of_stage in wanted or (*weak, *strong):
        count = max(1, round(clips_of_stage * bucket.share))
        conditions = recipe.conditions_per_clip if bucket.num_frames > 1 else 1
        clips = RenderedClips(
            run.source, bucket, conditions, recipe.mix, recipe.seed, find_release(DEFAULT_RELEASE)
        )
        for done in encode_bucket(vae, text_encoder, clips, count, run.folder / "latents"):
            yield Encoding(done, count)


def train_transformer(run: MiniRun, *, strong: bool) -> Iterator[StepReport]:
    recipe = run.recipe
    model = new_text_to_video(run)
    folder = run.folder / ("strong" if strong else "weak")
    if strong:
        continue_from(run, "weak", "strong", model)
    if run.compile:
        for block in model.transformer.blocks:
            block.compile(dynamic=False)
    chosen = recipe.strong_buckets if strong else recipe.weak_buckets
    settings = recipe.strong if strong else recipe.weak
    vae = trained_vae(run)
    data = LatentBatches(
        run.folder / "latents",
        chosen,
        seed=recipe.seed + strong,
        blank=partial(empty_guide, vae),
        undrawn=recipe.undrawn,
    )
    with mixed_precision(run.device):
        objective = pretraining_objective(model, vae, data.some_latents(8).to(run.device), run.rng())
    yield from train(model, data, objective, settings, folder, run.device, run.should_stop)
    with mixed_precision(run.device):
        made_by = Components(model.transformer, vae, model.text_encoder)
        sample_sheet(made_by, find_release(DEFAULT_RELEASE), folder / "samples.png")


def empty_guide(vae: WanVAE, bucket: Bucket) -> torch.Tensor:
    """[C, T, h, w] of a canvas on which nothing is given."""
    return vae_encoder(vae)(torch.zeros(1, 3, bucket.num_frames, *bucket.size))[0].cpu()


def new_text_to_video(run: MiniRun) -> TextToVideo:
    attention = explicit_attention if run.device.type == "cpu" else best_attention
    transformer = WanTransformer(run.recipe.transformer, attention=attention)
    with torch.random.fork_rng(devices=()):  # T5 starts from torch's own generator
        torch.manual_seed(run.recipe.seed)
        model = TextToVideo(transformer, ByteTextEncoder(run.recipe.text))
    if run.warm:
        shipped = load_mini()
        model.transformer.load_state_dict(cast(WanTransformer, shipped.transformer).state_dict())
        model.text_encoder.load_state_dict(cast(ByteTextEncoder, shipped.text_encoder).state_dict())
    else:
        init_transformer_zero_gates(model.transformer, run.rng())
        init_byte_positions(model.text_encoder)
    return model.requires_grad_(True)


def export(run: MiniRun) -> Iterator[StepReport]:
    model = new_text_to_video(run)
    last = "strong" if is_trained(run.folder / "strong") else "weak"
    load_average(model, run.folder / last)
    vae = trained_vae(run)
    with mixed_precision(run.device):
        pairs = latents_and_frames(vae, statistics_clips(run))
    preview = fit_preview_decoder(pairs, run.rng())
    export_mini(vae, model, preview, run.recipe, run.folder, run.folder / "mini", fit_latent_rgb(pairs))
    yield StepReport(1, 1, 0.0, 0.0, {})
