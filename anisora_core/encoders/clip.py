"""The image encoder of Wan2.1 image-to-video: transformers' CLIP vision tower, read before its last block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..media.resize import stretch

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class ClipShape:
    """CLIP ViT-H/14 (Radford et al. 2021, arXiv 2103.00020; OpenCLIP's size H)."""

    dim: int = 1280
    ffn_dim: int = 5120
    num_layers: int = 32
    num_heads: int = 16
    patch: int = 14
    tokens: int = 257

    @property
    def image_size(self) -> int:
        return round((self.tokens - 1) ** 0.5) * self.patch


def clip_vision(shape: ClipShape) -> nn.Module:
    """pixel_values [B, 3, side, side], normalised -> transformers' outputs."""
    from transformers import CLIPVisionConfig, CLIPVisionModel

    model: Any = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=shape.dim,
            intermediate_size=shape.ffn_dim,
            num_hidden_layers=shape.num_layers,
            num_attention_heads=shape.num_heads,
            image_size=shape.image_size,
            patch_size=shape.patch,
            hidden_act="gelu",
        )
    )
    tower = getattr(model, "vision_model", model)  # transformers 4 has one level more
    positions = torch.arange(shape.tokens, device="cpu")[None]  # a table: on `meta` it would be lost
    tower.embeddings.register_buffer("position_ids", positions, persistent=False)
    return tower


def squashed(picture_BHWC: Tensor, side: int = 224) -> Tensor:
    """Pulled to a square by bicubic interpolation without antialiasing, as Wan does."""
    return stretch(picture_BHWC.float(), (side, side))


@torch.inference_mode()
def clip_features(tower: nn.Module, picture_BHWC: Tensor, side: int = 224) -> Tensor:
    """Pictures 0..1 of any size -> [B, tokens, dim]: all blocks but the last, no norm after them."""
    weight = next(tower.parameters())
    x = squashed(picture_BHWC.to(weight.device), side).movedim(3, 1)
    mean, std = (torch.tensor(values, device=x.device).view(1, 3, 1, 1) for values in (MEAN, STD))
    outputs = tower(pixel_values=((x - mean) / std).to(weight.dtype), output_hidden_states=True)
    return outputs.hidden_states[-2]


class ClipImageEncoder(nn.Module):
    """Pictures -> image_BLD, 257 tokens of 1280 for ViT-H."""

    def __init__(self, tower: nn.Module, shape: ClipShape) -> None:
        super().__init__()
        self.tower, self.shape = tower, shape

    def encode(self, picture_BHWC: Tensor) -> Tensor:
        return clip_features(self.tower, picture_BHWC, self.shape.image_size)
