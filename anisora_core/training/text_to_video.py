"""Training the transformer and its text encoder together on cached latents."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..diffusion.prediction import Flow
from ..diffusion.schedules import shift_sigma
from ..encoders.byte_t5 import ByteTextEncoder
from ..families.wan.transformer import WanTransformer


class TextToVideo(nn.Module):
    """The two networks that learn together, as one module."""

    def __init__(self, transformer: WanTransformer, text_encoder: ByteTextEncoder) -> None:
        super().__init__()
        self.transformer, self.text_encoder = transformer, text_encoder


@dataclass(frozen=True)
class FlowMatching:
    """Flow-matching loss (Lipman et al. 2022, arXiv 2210.02747): MSE to noise - x0 at shifted uniform noise levels.

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
        x = Flow().add_noise(x0, noise, sigma_B.view(-1, 1, 1, 1, 1))
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
