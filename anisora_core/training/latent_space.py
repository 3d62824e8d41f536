"""What a trained VAE's latents are like: statistics, the pixels they decode to, colours and a small decoder for previews."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..domain.latents import NormalizedLatent, RawLatent
from ..families.wan.initialization import frame_conv_
from ..families.wan.vae import WanVAE
from ..layers.preview_decoder import PreviewDecoder

Size = tuple[int, int]  # height, width


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
            latent = vae.normalize(RawLatent(vae.encode(video).mode().float()))
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
            before = vae.decode(vae.denormalize(NormalizedLatent(latent)), latents_per_chunk=4).float()
            answers = [
                vae.decode(
                    vae.denormalize(NormalizedLatent(latent + change * along.view(1, -1, 1, 1, 1))),
                    latents_per_chunk=4,
                )
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
