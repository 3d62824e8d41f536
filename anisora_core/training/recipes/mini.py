"""How `mini` is made: VAE on frames, VAE on clips, latents, transformer weak to strong, export.

The same networks twice, since both must fit what the pack ships: `cpu` for a few hours on two cores, `gpu` for half
an hour on a large card. `no_areas` is smaller still, on the shipped VAE, for the benchmark of motion-area LoRAs. Every
stage resumes from its folder; `--warm` starts from the shipped weights instead of from nothing.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import torch

from ...data.cartoons import caption_words
from ...encoders.byte_t5 import ByteTextEncoder, TextConfig, init_byte_positions
from ...families.wan.config import MINI, MINI_VAE, WanConfig, WanVAEConfig
from ...families.wan.init import init_transformer_zero_gates, init_vae_frames_first
from ...families.wan.transformer import WanTransformer
from ...families.wan.vae import WanVAE
from ...generation.components import Components
from ...generation.loading import load_mini
from ...generation.pipeline import vae_encoder
from ...layers.attention import explicit_attention, torch_attention
from ...releases import DEFAULT_RELEASE, RELEASES
from ..autoencoder import (
    CartoonBatches,
    Reconstruction,
    fit_latent_rgb,
    fit_preview_decoder,
    latent_statistics,
    latents_and_frames,
    pixel_metric,
)
from ..conditions import ConditionMix
from ..export import export_mini
from ..latents import Bucket, LatentBatches, RenderedClips, encode_bucket
from ..loop import Report, Settings, mixed_precision, train
from ..samples import reconstruction_sheet, sample_sheet
from ..text_to_video import FlowMatching, TextToVideo

log = logging.getLogger(__name__)
SIZES = ((128, 128), (128, 160), (160, 128))


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, besides the code. `own_vae`: else the shipped one stays."""

    transformer: WanConfig
    vae: WanVAEConfig
    text: TextConfig
    frames: Settings
    frames_batch: int
    clips: Settings
    clips_batch: int
    decoder: Settings
    clips_length: int
    clips_crop: int
    weak_buckets: tuple[Bucket, ...]
    strong_buckets: tuple[Bucket, ...]
    cached_clips: int
    conditions_per_clip: int
    weak: Settings
    strong: Settings
    mix: ConditionMix = ConditionMix()
    undrawn: float = 0.12
    seed: int = 1
    own_vae: bool = True


def buckets(low: bool, batch: int) -> tuple[Bucket, ...]:
    """Images and clips mixed, several lengths; low resolution first (paper, section 4.3: weak to strong)."""
    if low:
        return (
            Bucket(33, (96, 96), 0.70, batch),
            Bucket(17, (96, 96), 0.18, batch * 2),
            Bucket(1, (96, 96), 0.12, batch * 4),
        )
    return (
        Bucket(33, (128, 128), 0.60, batch),
        Bucket(33, (128, 160), 0.12, batch),
        Bucket(33, (160, 128), 0.12, batch),
        Bucket(17, (128, 128), 0.10, batch * 2),
        Bucket(1, (128, 128), 0.06, batch * 4),
    )


CPU = Recipe(
    transformer=MINI,
    vae=MINI_VAE,
    text=TextConfig(vocabulary=caption_words()),
    frames=Settings(
        steps=3200,
        learning_rate=2e-3,
        warmup=50,
        ema_decay=0.997,
        log_every=100,
        save_every=400,
        optimizer="muon",
    ),
    frames_batch=6,
    clips=Settings(
        steps=3000, learning_rate=6e-4, warmup=100, ema_decay=0.998, log_every=50, optimizer="muon"
    ),
    clips_batch=4,
    decoder=Settings(
        steps=2000, learning_rate=5e-4, warmup=100, ema_decay=0.998, log_every=50, optimizer="muon"
    ),
    clips_length=17,
    clips_crop=64,
    weak_buckets=buckets(True, 16),
    strong_buckets=buckets(False, 16),
    cached_clips=5000,
    conditions_per_clip=1,
    weak=Settings(steps=640, learning_rate=2e-3, warmup=60, ema_decay=0.995, num_workers=0, optimizer="muon"),
    strong=Settings(
        steps=2500, learning_rate=1.5e-3, warmup=20, ema_decay=0.995, num_workers=0, optimizer="muon"
    ),
)
GPU = replace(
    CPU,
    frames=replace(CPU.frames, steps=6000, num_workers=14),
    frames_batch=16,
    clips=replace(CPU.clips, steps=8000, num_workers=14),
    clips_batch=4,
    decoder=replace(CPU.decoder, steps=4000, num_workers=14),
    clips_crop=128,
    weak_buckets=buckets(True, 64),
    strong_buckets=buckets(False, 64),
    cached_clips=12000,
    weak=replace(CPU.weak, steps=4000, learning_rate=1.5e-3, num_workers=2),
    strong=replace(CPU.strong, steps=5000, learning_rate=1e-3, num_workers=2),
)
#: Never shown a motion area: what the paper's model was before its LoRA (section 4.2.2). Stages latents, weak, export.
NO_AREAS = replace(
    CPU,
    transformer=replace(MINI, dim=192, ffn_dim=576, num_layers=6, num_heads=3),
    weak_buckets=(Bucket(17, (96, 96), 0.9, 16), Bucket(1, (96, 96), 0.1, 64)),
    cached_clips=2500,
    weak=replace(CPU.weak, steps=1500),
    mix=ConditionMix(motion_area=0.0),
    own_vae=False,
)
RECIPES = {"cpu": CPU, "gpu": GPU, "no_areas": NO_AREAS}


@dataclass(frozen=True)
class Job:
    """A recipe, where it runs and when it must stop."""

    recipe: Recipe
    run_dir: Path
    device: torch.device
    stages: Sequence[str]
    warm: bool = False
    compile: bool = False
    should_stop: Callable[[], bool] = lambda: False

    def rng(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.recipe.seed)


def train_vae_frames(job: Job) -> Iterator[Report]:
    data = CartoonBatches(job.recipe.frames_batch, 1, SIZES, job.recipe.seed)
    yield from train_vae(job, "vae-frames", new_vae(job), data, job.recipe.frames)


def train_vae_clips(job: Job) -> Iterator[Report]:
    vae = new_vae(job)
    continue_from(job, "vae-frames", "vae-clips", vae)
    yield from train_vae(job, "vae-clips", vae, cropped_clips(job, 1), job.recipe.clips)


def train_vae_decoder(job: Job) -> Iterator[Report]:
    """The encoder stays, so that latents keep their meaning for the transformer."""
    vae = trained_vae(job).requires_grad_(True)
    vae.encoder.requires_grad_(False)
    vae.conv1.requires_grad_(False)
    yield from train_vae(job, "vae-decoder", vae, cropped_clips(job, 2), job.recipe.decoder)


def cropped_clips(job: Job, stream: int) -> CartoonBatches:
    recipe = job.recipe
    return CartoonBatches(
        recipe.clips_batch,
        recipe.clips_length,
        SIZES,
        recipe.seed + stream,
        steps_per_clip=3,
        crop=recipe.clips_crop,
    )


def train_vae(
    job: Job, stage: str, vae: WanVAE, data: CartoonBatches, settings: Settings
) -> Iterator[Report]:
    folder = job.run_dir / stage
    yield from train(vae, data, Reconstruction(), settings, folder, job.device, job.should_stop)
    with mixed_precision(job.device):
        reconstruction_sheet(vae, folder / "samples.png")


def new_vae(job: Job) -> WanVAE:
    vae = WanVAE(job.recipe.vae)
    if job.warm:
        vae.load_state_dict(load_mini().vae.state_dict())
    else:
        init_vae_frames_first(vae, job.rng())
    return vae.requires_grad_(True)


def continue_from(job: Job, earlier: str, stage: str, model: torch.nn.Module) -> None:
    """Start `stage` at an earlier one's weights; a warm run that skipped that keeps the shipped ones."""
    if is_trained(job, stage):
        return  # the loop resumes it
    if not job.warm or is_trained(job, earlier):
        load_average(model, job.run_dir / earlier)


def is_trained(job: Job, stage: str) -> bool:
    return (job.run_dir / stage / "state.pt").exists()


def load_average(model: torch.nn.Module, folder: Path) -> None:
    path = folder / "state.pt"
    if not path.exists():
        raise ValueError(f"{path} is missing; run the stage {folder.name} first")
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["ema"])


def trained_vae(job: Job) -> WanVAE:
    """The averaged VAE of this run, its latents normalised by statistics of its own training clips.

    A warm run that trained none keeps the shipped one, so that the shipped transformer's latents stay what they were.
    """
    if not job.recipe.own_vae or (job.warm and not is_trained(job, "vae-clips")):
        vae = cast(WanVAE, load_mini().vae).to(job.device)
    else:
        vae = WanVAE(job.recipe.vae)
        load_average(vae, job.run_dir / "vae-clips")
        vae.to(job.device).eval()
        with mixed_precision(job.device):
            mean, std = latent_statistics(vae, statistics_clips(job))
        vae.config = replace(vae.config, latent_mean=mean, latent_std=std)
    if is_trained(job, "vae-decoder"):
        load_average(vae, job.run_dir / "vae-decoder")
    return vae


def statistics_clips(job: Job) -> list[torch.Tensor]:
    data = CartoonBatches(2, 33, SIZES, seed=job.recipe.seed + 7, steps_per_clip=1)
    return [data[index].to(job.device) for index in range(24)]


def cache_latents(job: Job) -> Iterator[Report]:
    """For the stages that will read them; for both when neither is asked for."""
    recipe, vae = job.recipe, trained_vae(job)
    text_encoder = ByteTextEncoder(recipe.text)
    weak = recipe.weak_buckets if "weak" in job.stages else ()
    strong = recipe.strong_buckets if "strong" in job.stages else ()
    for bucket in (*weak, *strong) or (*recipe.weak_buckets, *recipe.strong_buckets):
        count = max(1, round(recipe.cached_clips * bucket.share))
        conditions = recipe.conditions_per_clip if bucket.num_frames > 1 else 1
        clips = RenderedClips(bucket, conditions, recipe.mix, recipe.seed, RELEASES[DEFAULT_RELEASE])
        since = time.monotonic()
        for done in encode_bucket(vae, text_encoder, clips, count, job.run_dir / "latents"):
            yield Report(done, count, 0.0, (time.monotonic() - since) / done, {})


def train_transformer(job: Job, *, strong: bool) -> Iterator[Report]:
    recipe = job.recipe
    model = new_text_to_video(job)
    folder = job.run_dir / ("strong" if strong else "weak")
    if strong:
        continue_from(job, "weak", "strong", model)
    if job.compile:
        for block in model.transformer.blocks:
            block.compile(dynamic=False)
    ids, mask = model.text_encoder.tokenize([""])
    chosen = recipe.strong_buckets if strong else recipe.weak_buckets
    settings = recipe.strong if strong else recipe.weak
    vae = trained_vae(job)
    data = LatentBatches(
        job.run_dir / "latents",
        chosen,
        seed=recipe.seed + strong,
        blank=partial(empty_guide, vae),
        undrawn=recipe.undrawn,
    )
    with mixed_precision(job.device):
        metric = pixel_metric(vae, data.some_latents(8).to(job.device), job.rng())
    objective = FlowMatching(ids[0], mask[0], metric)
    yield from train(model, data, objective, settings, folder, job.device, job.should_stop)
    with mixed_precision(job.device):
        made_by = Components(model.transformer, vae, model.text_encoder)
        sample_sheet(made_by, RELEASES[DEFAULT_RELEASE], folder / "samples.png")


def empty_guide(vae: WanVAE, bucket: Bucket) -> torch.Tensor:
    """[C, T, h, w] of a canvas on which nothing is given."""
    return vae_encoder(vae)(torch.zeros(1, 3, bucket.num_frames, *bucket.size))[0].cpu()


def new_text_to_video(job: Job) -> TextToVideo:
    attention = explicit_attention if job.device.type == "cpu" else torch_attention
    transformer = WanTransformer(job.recipe.transformer, attention=attention)
    with torch.random.fork_rng(devices=()):  # T5 starts from torch's own generator
        torch.manual_seed(job.recipe.seed)
        model = TextToVideo(transformer, ByteTextEncoder(job.recipe.text))
    if job.warm:
        shipped = load_mini()
        model.transformer.load_state_dict(cast(WanTransformer, shipped.transformer).state_dict())
        model.text_encoder.load_state_dict(cast(ByteTextEncoder, shipped.text_encoder).state_dict())
    else:
        init_transformer_zero_gates(model.transformer, job.rng())
        init_byte_positions(model.text_encoder)
    return model.requires_grad_(True)


def export(job: Job) -> Iterator[Report]:
    model = new_text_to_video(job)
    last = "strong" if is_trained(job, "strong") else "weak"
    load_average(model, job.run_dir / last)
    vae = trained_vae(job)
    with mixed_precision(job.device):
        pairs = latents_and_frames(vae, statistics_clips(job))
    preview = fit_preview_decoder(pairs, job.rng())
    export_mini(vae, model, preview, job.recipe, job.run_dir, job.run_dir / "mini", fit_latent_rgb(pairs))
    yield Report(1, 1, 0.0, 0.0, {})


RUN: dict[str, Callable[[Job], Iterator[Report]]] = {
    "vae-frames": train_vae_frames,
    "vae-clips": train_vae_clips,
    "latents": cache_latents,
    "weak": partial(train_transformer, strong=False),
    "strong": partial(train_transformer, strong=True),
    "vae-decoder": train_vae_decoder,
    "export": export,
}


def passed(minutes: float | None) -> Callable[[], bool]:
    """From now on; never for None."""
    deadline = time.monotonic() + minutes * 60 if minutes else math.inf
    return lambda: time.monotonic() > deadline


def main(arguments: Sequence[str]) -> int:
    """`anisora train mini`: run the stages asked for, in order; each continues where it stopped."""
    parser = argparse.ArgumentParser(prog="anisora train mini", description=__doc__)
    parser.add_argument("--recipe", choices=RECIPES, default="gpu" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--run", type=Path, default=Path("runs/mini"), help="folder of the run")
    parser.add_argument("--stages", nargs="+", choices=list(RUN), default=list(RUN))
    parser.add_argument("--warm", action="store_true", help="start from the shipped weights")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the transformer's blocks; needs a C++ compiler on a CPU",
    )
    parser.add_argument(
        "--seed", type=int, help="of weights and clips; a warm run wants another to see new clips"
    )
    parser.add_argument("--minutes", type=float, help="stop each stage, saved, after this long")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = RECIPES[options.recipe]
    if options.seed is not None:
        recipe = replace(recipe, seed=options.seed)
    for stage in options.stages:
        should_stop = passed(options.minutes)
        job = Job(recipe, options.run, device, options.stages, options.warm, options.compile, should_stop)
        for report in RUN[stage](job):
            figures = " ".join(f"{key} {value:.3f}" for key, value in report.metrics.items())
            log.info(
                "%s %d/%d loss %.4f %.2f s/step %s",
                stage, report.step, report.total, report.loss, report.seconds_per_step, figures,
            )  # fmt: skip
    return 0


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
