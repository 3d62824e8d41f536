"""Training the causal VAE on rendered clips: single frames first, then short clips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..data.cartoons import make_shot, render
from ..families.wan.init import frame_conv_
from ..families.wan.vae import WanVAE
from ..layers.preview_decoder import PreviewDecoder
from ..media.tensors import to_video

Size = tuple[int, int]  # height, width


@lru_cache(maxsize=64)
def rendered(seed: int, number: int, size: Size) -> np.ndarray:
    """Frames of training clip `number`; neighbours in time share clips, so each is drawn once in a worker."""
    torch.set_num_threads(1)  # beside a trainer that wants the cores
    rng = np.random.default_rng((seed, number))
    shot = make_shot(int(rng.integers(1 << 31)), split="train")
    return render(shot, num_frames=33, height=size[0], width=size[1]).frames_FHWC


@dataclass(frozen=True)
class CartoonBatches(Dataset[Tensor]):
    """Item i is video_BCFHW: `batch` runs of `num_frames`, from clips that stay in use for some steps.

    A new clip comes every `steps_per_clip` items; an item draws from the last `batch` clips of its size.
    """

    batch: int
    num_frames: int
    sizes: tuple[Size, ...]
    seed: int
    steps_per_clip: int = 2
    crop: int | None = None  # side of a random square, for more steps in the same time

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, index))
        which = index % len(self.sizes)
        newest = index // (self.steps_per_clip * len(self.sizes)) + self.batch
        crops: list[Tensor] = []
        for number in range(newest - self.batch, newest):
            frames = rendered(self.seed, number * len(self.sizes) + which, self.sizes[which])
            start = int(rng.integers(33 - self.num_frames + 1))
            run = frames[start : start + self.num_frames]
            if self.crop is not None:
                top, left = (int(rng.integers(side - self.crop + 1)) for side in run.shape[1:3])
                run = run[:, top : top + self.crop, left : left + self.crop]
            crops.append(to_video(run[:, :, ::-1] if rng.random() < 0.5 else run))
        return torch.stack(crops)


@dataclass(frozen=True)
class Reconstruction:
    """MSE with a little L1; latents pulled to unit variance and jittered, so that small errors decode to small errors."""

    l1_weight: float = 0.1
    variance_weight: float = 0.01
    jitter: float = 0.05

    def __call__(
        self, model: nn.Module, video_BCFHW: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, WanVAE)
        latent = model.encode(video_BCFHW).mode()
        noise = torch.randn(latent.shape, generator=rng).to(latent)
        decoded = model.decode(latent + self.jitter * noise).float()
        error = decoded - video_BCFHW
        mse = error.square().mean()
        spread = latent.float().std(dim=(0, 2, 3, 4)) - 1.0
        loss = mse + self.l1_weight * error.abs().mean() + self.variance_weight * spread.square().mean()
        return loss, {"psnr": float(10 * torch.log10(4.0 / mse.detach()))}


def latent_statistics(vae: WanVAE, videos: list[Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per-channel mean and standard deviation of raw latents over `videos` (each BCFHW)."""
    with torch.inference_mode():
        flat = torch.cat([vae.encode(v).mode().float().transpose(0, 1).flatten(1) for v in videos], dim=1)
    return rounded(flat.mean(1)), rounded(flat.std(1))


def latents_and_frames(vae: WanVAE, videos: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Per video: normalised latents and the last frame of each as pictures 0..1, both [B * T, channels, H, W], on the CPU."""
    pairs: list[tuple[Tensor, Tensor]] = []
    with torch.inference_mode():
        for video in videos:
            latent = vae.normalize(vae.encode(video).mode().float())
            last = video[:, :, :: vae.grid.frames_per_latent].float() * 0.5 + 0.5
            pairs.append(
                (latent.transpose(1, 2).flatten(0, 1).cpu(), last.transpose(1, 2).flatten(0, 1).cpu())
            )
    return pairs


def pixel_metric(vae: WanVAE, latents_BCTHW: Tensor, rng: torch.Generator) -> Tensor:
    """A root R_CC: |error @ R|^2 is half a normalised latent's own error, half that of the pixels it decodes to.

    A few directions of a latent carry most of a picture. The Gram matrix of the decoder's answers to one smooth change
    along each channel finds them; its trace is scaled to the channels, so that losses keep their size.
    """
    channels = latents_BCTHW.shape[1]
    gram = torch.zeros(channels, channels)
    with torch.inference_mode():
        for latent in latents_BCTHW.split(1):
            coarse = [-(-size // 3) for size in latent.shape[2:]]
            noise = torch.randn(1, 1, *coarse, generator=rng)
            change = 0.3 * F.interpolate(noise, latent.shape[2:], mode="trilinear").to(latent)
            before = vae.decode(vae.denormalize(latent), latents_per_chunk=4).float()
            answers = [
                vae.decode(vae.denormalize(latent + change * along.view(1, -1, 1, 1, 1)), latents_per_chunk=4)
                for along in torch.eye(channels, device=latent.device)
            ]
            flat = torch.stack([(answer.float() - before).flatten() for answer in answers])
            gram += (flat @ flat.T).cpu()
    eye = torch.eye(channels)
    values, vectors = torch.linalg.eigh(0.5 * eye + 0.5 * gram * channels / gram.trace())
    return vectors * values.sqrt()


def fit_latent_rgb(pairs: list[tuple[Tensor, Tensor]]) -> list[list[float]]:
    """Least-squares map from a normalised latent to its pixels' mean colour, 3 rows of channels + bias, for previews."""
    latents: list[Tensor] = []
    colours: list[Tensor] = []
    for latent, picture in pairs:
        small = F.avg_pool2d(picture, picture.shape[-1] // latent.shape[-1])
        colours.append(small.movedim(1, -1).flatten(0, 2))
        flat = latent.movedim(1, -1).flatten(0, 2)
        latents.append(torch.cat([flat, torch.ones_like(flat[:, :1])], dim=1))
    solution = torch.linalg.lstsq(torch.cat(latents), torch.cat(colours)).solution
    return [[round(float(v), 4) for v in row] for row in solution.T]


def fit_preview_decoder(
    pairs: list[tuple[Tensor, Tensor]], rng: torch.Generator, *, steps: int = 1500
) -> PreviewDecoder:
    """A tiny decoder for previews, by mean squared error against pictures of half size."""
    decoder = PreviewDecoder()
    with torch.no_grad():
        for layer in decoder.layers:
            if isinstance(layer, nn.Conv2d):
                frame_conv_(layer, rng)
    optimizer = torch.optim.Adam(decoder.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        latent, picture = pairs[step % len(pairs)]
        error = decoder.pictures(latent.clone()) - F.avg_pool2d(picture, 2)
        optimizer.zero_grad()
        error.square().mean().backward()
        optimizer.step()
        schedule.step()
    return decoder.eval().requires_grad_(False)


def rounded(values: Tensor) -> tuple[float, ...]:
    return tuple(round(float(v), 4) for v in values)
