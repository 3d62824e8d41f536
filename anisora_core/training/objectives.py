"""What a step minimises: a network's own prediction of noised latents, or a VAE's reconstruction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ..diffusion.prediction import Flow, per_clip
from ..diffusion.schedules import TRAINED_STEPS, shift_sigma
from ..domain.conditions import Guide
from ..domain.latents import NormalizedLatent, RawLatent
from ..domain.release import Release
from ..families import VideoTransformer, family_of
from ..families.wan.vae import WanVAE
from ..generation.sampling import conditioned
from ..lora.trainable import Adapters
from .noise_levels import NoiseLevels
from .text_to_video import TextToVideo


@dataclass(frozen=True)
class AdapterMatching:
    """MSE of the prediction, while adapters act on the network. Noise, level and dropout belong to a clip by its key, whatever
    batch or process it is in.

    The answer wanted of a batch with `prior_text` is that of the network without adapters to that text, so that it stays as it
    was. That answer has no noise in it, so errors are small, and count `prior_weight` times. `given_weight`: how much more an
    error counts where the mask says given, as in mini's own training.
    """

    network: VideoTransformer
    release: Release
    levels: NoiseLevels
    given_weight: float = 2.0
    prior_weight: float = 4.0

    def __call__(
        self, model: nn.Module, batch: dict[str, Tensor], rng: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        adapters = model
        assert isinstance(adapters, Adapters)
        x0 = batch["latent"]
        keys = [int(key) for key in batch["key"]]
        noise = torch.stack([keyed_noise(key, x0.shape[1:]) for key in keys]).to(x0)
        prediction = family_of(self.release).prediction(self.release, TRAINED_STEPS)
        x, timestep_B, target = prediction.training_point(x0, noise, batch["level"], self.levels)
        guide = Guide(NormalizedLatent(batch["guide"]), batch["mask"])
        predict = partial(conditioned, self.network, guide, image_BLD=batch.get("image"))
        if "prior_text" in batch:
            with torch.no_grad(), adapters.off():
                target = predict(batch["prior_text"])(x, timestep_B).float()
        adapters.keys = keys  # until the next batch: the backward pass may compute blocks again
        out = predict(batch["text"])(x, timestep_B).float()
        weight = 1.0 + self.given_weight * share_given(guide.mask_BMTHW)
        error = (weight * (out - target).square()).mean()
        if "prior_text" in batch:
            error = self.prior_weight * error
        return error, {"level": float(batch["level"].mean())}


@dataclass(frozen=True)
class PretrainingMatching:
    """Flow-matching loss (Lipman et al. 2022, arXiv 2210.02747) of mini's transformer and text encoder: MSE to noise - x0 at shifted
    uniform noise levels.

    `metric_CC`: a root of the metric the error is measured in; the best answer, the mean, is the same in all of them.
    With probability `text_dropout` a clip's prompt is replaced by the empty one, which classifier-free guidance needs.
    `given_weight`: how much more an error counts where the mask says given; what is right there is known, so errors are small.
    """

    empty_ids_L: Tensor
    empty_mask_L: Tensor
    metric_CC: Tensor
    shift: float = 3.0
    text_dropout: float = 0.12
    given_weight: float = 2.0

    def __call__(
        self, model: nn.Module, batch: dict[str, Tensor], rng: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, TextToVideo)
        x0 = batch["latent"]
        device, count = x0.device, len(x0)
        noise = torch.randn(x0.shape, generator=rng).to(device)
        even = (torch.arange(count) + torch.rand(count, generator=rng)) / count  # stratified over the batch
        sigma_B = torch.tensor([shift_sigma(float(u), self.shift) for u in even], device=device)
        x = Flow().add_noise(x0, noise, per_clip(sigma_B))
        dropped = (torch.rand(count, 1, generator=rng) < self.text_dropout).to(device)
        ids = torch.where(dropped, self.empty_ids_L.to(device), batch["ids"])
        mask = torch.where(dropped, self.empty_mask_L.to(device), batch["text_mask"])
        text = model.text_encoder(ids, mask)
        x = torch.cat([x, batch["mask"], batch["guide"]], dim=1)
        out = model.transformer(x, sigma_B * 1000.0, text).float()
        missed = (out - Flow().target(x0, noise)).movedim(1, -1) @ self.metric_CC.to(device)
        weight = 1.0 + self.given_weight * batch["mask"].mean(dim=1)
        error = (missed.square().mean(dim=-1) * weight).mean(dim=(1, 2, 3))
        low, high = error.detach()[: count // 2], error.detach()[count // 2 :]
        return error.mean(), {"low_noise": float(low.mean()), "high_noise": float(high.mean())}


@dataclass(frozen=True)
class Reconstruction:
    """MSE with a little L1 and the error of edges: of differences between neighbours, which thin lines are made of. Latents are pulled to
    unit variance and jittered, so that small errors decode to small errors."""

    l1_weight: float = 0.05
    edge_weight: float = 0.1
    variance_weight: float = 0.01
    jitter: float = 0.05

    def __call__(
        self, model: nn.Module, video_BCFHW: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, WanVAE)
        latent = model.encode(video_BCFHW).mode()
        noise = torch.randn(latent.shape, generator=rng).to(latent)
        decoded = model.decode(RawLatent(latent + self.jitter * noise)).float()
        error = decoded - video_BCFHW
        mse = error.square().mean()
        spread = latent.float().std(dim=(0, 2, 3, 4)) - 1.0
        edges = error.diff(dim=3).square().mean() + error.diff(dim=4).square().mean()
        loss = mse + self.l1_weight * error.abs().mean() + self.edge_weight * edges
        loss = loss + self.variance_weight * spread.square().mean()
        return loss, {"psnr": float(10 * torch.log10(4.0 / mse.detach()))}


def share_given(mask_BMTHW: Tensor) -> Tensor:
    """[B, 1, T, H, W], 0..1: of each latent's frames, those given; 0 for releases without a mask."""
    return mask_BMTHW.float().sum(dim=1, keepdim=True) / max(1, mask_BMTHW.shape[1])


def keyed_noise(key: int, shape: torch.Size) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(key))
