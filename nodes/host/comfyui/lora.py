"""LoRA files of every maker as patches of the host's models."""

# pyright: reportUntypedBaseClass=false
from __future__ import annotations

from collections.abc import Callable

import comfy.weight_adapter
import torch
from torch import Tensor

from ....anisora_core.families import family_of_parameters
from ....anisora_core.generation.plan import Expert
from ....anisora_core.lora.apply import LoraUse, effect_on
from ....anisora_core.lora.changes import Change, on_device
from .objects import ModelPatcher


class Patch(comfy.weight_adapter.WeightAdapterBase):
    """One of our changes of one weight. Newer hosts rebuild it of its two arguments while they stream weights."""

    name = "anisora"

    def __init__(self, loaded_keys: set[str], weights: list[Change]) -> None:
        self.loaded_keys, self.weights = loaded_keys, weights

    def calculate_weight(
        self,
        weight: Tensor,
        key: str,
        strength: float,
        strength_model: float,
        offset: object,
        function: Callable[[Tensor], Tensor],
        intermediate_dtype: torch.dtype = torch.float32,
        original_weight: object = None,
    ) -> Tensor:
        change = on_device(self.weights[0], weight.device)
        return weight + function(strength * change.delta(weight)).to(weight)


def with_lora(model: ModelPatcher, use: LoraUse, expert: Expert) -> tuple[ModelPatcher, str]:
    """A clone that the LoRA acts on, and what of it acts; `expert` is high or low for one of two, else empty. ValueError where it does
    not fit."""
    weights = model.model.state_dict()
    shapes = {name.removeprefix("diffusion_model."): value.shape for name, value in weights.items()}
    effect = effect_on(shapes, family_of_parameters(shapes.keys()), use, expert)
    styled = model.clone()
    for name, change in effect.acting.items():
        patch = Patch({name}, [change])
        styled.add_patches({f"diffusion_model.{name}": patch}, effect.strength_of(name))
    return styled, str(effect)
