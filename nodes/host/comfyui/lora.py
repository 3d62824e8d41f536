"""LoRA files of every maker as patches of the host's models."""

# pyright: reportUntypedBaseClass=false
from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import comfy.weight_adapter
import torch
from torch import Tensor

from ....anisora_core.layers.lora import Change
from ....anisora_core.sampling import LoraUse, changes_among


class Patch(comfy.weight_adapter.WeightAdapterBase):
    """One of our changes of one weight. Newer hosts rebuild it of its two arguments while they stream weights."""

    name = "anisora"

    def __init__(self, loaded_keys: set[str], weights: list[Any]) -> None:
        self.loaded_keys, self.weights = loaded_keys, weights

    def calculate_weight(
        self,
        weight: Tensor,
        key: str,
        strength: float,
        strength_model: float,
        offset: Any,
        function: Any,
        intermediate_dtype: torch.dtype = torch.float32,
        original_weight: Any = None,
    ) -> Tensor:
        change: Change = on_device(self.weights[0], weight.device)
        return weight + function(strength * change.delta(weight)).to(weight)


def on_device(value: Any, device: torch.device) -> Any:
    """A change with its factors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(on_device(part, device) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: on_device(getattr(value, f.name), device) for f in fields(value)})
    return value


def with_lora(model: Any, use: LoraUse, expert: str) -> Any:
    """A clone that the LoRA acts on; `expert` is high or low for one of two, else empty. ValueError where it does not fit."""
    names = [name.removeprefix("diffusion_model.") for name in model.model.state_dict()]
    family = "Wan" if "head.head.weight" in names else "CogVideoX"
    changes = changes_among(names, family, [use], expert)
    styled = model.clone()
    for name, parts in changes.items():
        for change, strength in parts:
            styled.add_patches({f"diffusion_model.{name}": Patch({name}, [change])}, strength)
    return styled
