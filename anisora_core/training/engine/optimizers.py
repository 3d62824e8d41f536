"""AdamW; Muon for matrices and convolutions; 8-bit AdamW and Prodigy from their packages."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import torch
from torch import Tensor, nn

Optimizers = list["torch.optim.Optimizer | ConvMuon"]
OptimizerName = Literal["adamw", "muon", "adamw8bit", "prodigy"]
#: Muon is for whole weights, not for a LoRA's factors.
LORA_OPTIMIZERS: tuple[OptimizerName, ...] = ("adamw", "adamw8bit", "prodigy")
#: Optimisers that are packages of their own: package, class.
_PACKAGED = {"adamw8bit": ("bitsandbytes.optim", "AdamW8bit"), "prodigy": ("prodigyopt", "Prodigy")}
_BETAS = (0.9, 0.98)


def make_optimizers(
    model: nn.Module, name: OptimizerName, *, learning_rate: float, weight_decay: float
) -> Optimizers:
    """For the parameters that want gradients. `muon`: linear and convolution weights inside repeated blocks, AdamW the rest.

    Prodigy (Mishchenko and Defazio 2023, arXiv 2306.06101) finds its own rate: `learning_rate` 1 is meant there.
    ValueError for one whose package is not installed, or that this torch does not have.
    """
    wanted = [p for p in model.parameters() if p.requires_grad]
    if name in _PACKAGED:
        made = packaged(name)(wanted, lr=learning_rate, betas=_BETAS, weight_decay=weight_decay)
        return [made]
    hidden = hidden_weights(model) if name == "muon" else []
    chosen = {id(p) for p in hidden}
    rest = [p for p in wanted if id(p) not in chosen]
    optimizers: Optimizers = [
        torch.optim.AdamW(rest, lr=learning_rate, betas=_BETAS, weight_decay=weight_decay)
    ]
    if hidden:
        optimizers.append(ConvMuon(hidden, learning_rate=learning_rate, weight_decay=weight_decay))
    return optimizers


def packaged(name: OptimizerName) -> Any:
    module, kind = _PACKAGED[name]
    try:
        return getattr(import_module(module), kind)
    except ImportError:
        package = module.partition(".")[0]
        raise ValueError(
            f"optimizer {name} needs the package {package}; run: pip install {package}"
        ) from None


def hidden_weights(model: nn.Module) -> list[Tensor]:
    repeated = ("block", "samples.", "middle.")
    return [
        module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv3d)
        and any(part in name for part in repeated)
        and module.weight.requires_grad
    ]


class ConvMuon:
    """Muon (Jordan 2024; Liu et al. 2025, arXiv 2502.16982, whose scale lets it share AdamW's learning rate).

    torch's takes matrices only. A convolution is one matrix per temporal tap, output channels by the rest; a tap
    without a gradient (older frames, when training on single ones) costs nothing and stays as it is.
    ValueError where torch is older than 2.9, which has no Muon.
    """

    def __init__(self, weights: Sequence[Tensor], *, learning_rate: float, weight_decay: float) -> None:
        muon = getattr(torch.optim, "Muon", None)
        if muon is None:
            raise ValueError(
                f"optimizer muon needs torch 2.9 or later, and this is {torch.__version__}; update torch, or use adamw"
            )
        self.weights = list(weights)
        self.matrices = [[nn.Parameter(tap.clone()) for tap in taps(weight)] for weight in self.weights]
        flat = [matrix for matrices in self.matrices for matrix in matrices]
        self._muon = muon(flat, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self._muon.param_groups

    @torch.no_grad()
    def step(self) -> None:
        for weight, matrices in zip(self.weights, self.matrices, strict=True):
            gradients = [None] * len(matrices) if weight.grad is None else taps(weight.grad)
            for matrix, tap, gradient in zip(matrices, taps(weight), gradients, strict=True):
                matrix.copy_(tap)
                matrix.grad = gradient if gradient is not None and gradient.any() else None
        self._muon.step()
        for weight, matrices in zip(self.weights, self.matrices, strict=True):
            for slot, matrix in zip(by_time(weight), matrices, strict=True):
                slot.copy_(matrix.view_as(slot))

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self.weights:
            weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        return self._muon.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._muon.load_state_dict(state)


def by_time(weight: Tensor) -> tuple[Tensor, ...]:
    """Views of a Conv3d's temporal taps; any other weight whole."""
    return weight.unbind(2) if weight.ndim == 5 else (weight,)


def taps(weight: Tensor) -> list[Tensor]:
    return [tap.detach().flatten(1) for tap in by_time(weight)]
